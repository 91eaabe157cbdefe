-- +goose Up
-- Names without an account have rows, too. The name is hashed because people type passwords into the name field.
CREATE TABLE login_failures (
    name_hash TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the username_key, in hexadecimal
    failures  BIGINT NOT NULL,             -- in a row
    failed_at BIGINT NOT NULL,             -- last failure: milliseconds since 1970, UTC
    delay     BIGINT NOT NULL              -- milliseconds after failed_at during which no password is checked
);
