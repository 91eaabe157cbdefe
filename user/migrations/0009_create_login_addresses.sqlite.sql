-- +goose Up
-- From where an account has logged in, so that strangers who guess its password do not delay its owner.
CREATE TABLE login_addresses (
    address_hash TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of the account and the client's network, in hexadecimal
    user_id      INTEGER NOT NULL,
    logged_in_at INTEGER NOT NULL              -- the last time: milliseconds since 1970, UTC
) STRICT;
CREATE INDEX login_addresses_user_id ON login_addresses (user_id);
CREATE INDEX login_addresses_logged_in_at ON login_addresses (logged_in_at);
