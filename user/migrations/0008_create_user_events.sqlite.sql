-- +goose Up
CREATE TABLE user_events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    type    TEXT    NOT NULL,
    subject INTEGER NOT NULL, -- the account
    actor   INTEGER NOT NULL, -- the account that did it, 0 for the system or a stranger
    address TEXT    NOT NULL, -- of the client
    at      INTEGER NOT NULL  -- milliseconds since 1970, UTC
) STRICT;
CREATE INDEX user_events_subject ON user_events (subject, id);
CREATE INDEX user_events_actor ON user_events (actor) WHERE actor <> subject;
