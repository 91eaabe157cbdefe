-- +goose Up
-- The lock is short, but all logins wait behind it while it waits for a transaction that has read the table.
SET LOCAL lock_timeout = '4s';
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'customer';
ALTER TABLE users ADD COLUMN disabled_at BIGINT NOT NULL DEFAULT 0; -- milliseconds since 1970, UTC; 0: it is not
CREATE INDEX users_staff ON users (id) WHERE role = 'staff'; -- few, who must not all leave at once
