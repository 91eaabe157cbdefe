-- +goose Up
-- AUTOINCREMENT: an id is never reused, since tokens of an ended session name it.
CREATE TABLE sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL,
    role         TEXT    NOT NULL,
    counter      INTEGER NOT NULL, -- of the refresh token that comes next
    minimum      INTEGER NOT NULL, -- refresh tokens with a lower counter are void: the password was changed
    created_at   INTEGER NOT NULL, -- these and the following in milliseconds since 1970, UTC
    refreshed_at INTEGER NOT NULL, -- or created, or renewed by a change of the password
    expires_at   INTEGER NOT NULL,
    tokens_until INTEGER NOT NULL, -- no token of the session is valid after this
    client       TEXT    NOT NULL, -- User-Agent
    address      TEXT    NOT NULL
) STRICT;
CREATE INDEX sessions_user_id ON sessions (user_id, id);

-- The sessions whose tokens are refused although they have not expired yet. Every process reads what is new in this
-- table once a second, by its id.
CREATE TABLE ended_sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id   INTEGER NOT NULL,
    tokens_until INTEGER NOT NULL
) STRICT;

-- The iss of tokens, which tells databases of accounts apart.
CREATE TABLE token_issuer (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    issuer TEXT    NOT NULL
) STRICT;
