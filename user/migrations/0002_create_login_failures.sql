-- +goose Up
-- Names of nobody have rows, too. Old rows go one by one as new ones come.
CREATE TABLE login_failures (
    username_key TEXT   NOT NULL PRIMARY KEY,
    failures     BIGINT NOT NULL, -- in a row
    failed_at    BIGINT NOT NULL, -- milliseconds since 1970, UTC
    delay        BIGINT NOT NULL  -- milliseconds from failed_at during which no password is looked at
);
CREATE INDEX login_failures_failed_at ON login_failures (failed_at);
