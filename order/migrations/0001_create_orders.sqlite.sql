-- +goose Up
-- AUTOINCREMENT: an id is never reused, not even after its row is deleted.
CREATE TABLE orders (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL,
    product      TEXT    NOT NULL,
    price        INTEGER NOT NULL CHECK (price >= 0), -- hundredths
    status       TEXT    NOT NULL CHECK (status IN ('created', 'cancelled')),
    created_at   INTEGER NOT NULL,                    -- milliseconds since 1970, UTC
    cancelled_at INTEGER                              -- milliseconds since 1970, UTC
) STRICT;
