-- +goose Up
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'customer';
ALTER TABLE users ADD COLUMN disabled_at INTEGER NOT NULL DEFAULT 0; -- milliseconds since 1970, UTC; 0: it is not
CREATE INDEX users_staff ON users (id) WHERE role = 'staff'; -- few, who must not all leave at once
