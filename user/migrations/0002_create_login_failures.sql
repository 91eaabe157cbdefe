-- +goose Up
-- Names of nobody have rows, too, and what people type for a name may be a password: so it is hashed. That also
-- spreads the rows, of which each new one looks at a few others and removes those that are of no use any more.
CREATE TABLE login_failures (
    name_hash TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the username_key
    failures  BIGINT NOT NULL,             -- in a row
    failed_at BIGINT NOT NULL,             -- milliseconds since 1970, UTC
    delay     BIGINT NOT NULL              -- milliseconds from failed_at during which no password is looked at
);
