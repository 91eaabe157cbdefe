-- +goose Up
-- AUTOINCREMENT: an id is never reused, not even after its row is deleted.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT    NOT NULL,        -- as it was typed
    username_key  TEXT    NOT NULL UNIQUE, -- folded: case and width do not matter
    email         TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,        -- PHC string
    created_at    INTEGER NOT NULL         -- milliseconds since 1970, UTC
) STRICT;
