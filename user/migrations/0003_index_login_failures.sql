-- +goose Up
-- For deleting expired rows a few at a time, however many an attacker has made.
CREATE INDEX login_failures_failed_at ON login_failures (failed_at);
