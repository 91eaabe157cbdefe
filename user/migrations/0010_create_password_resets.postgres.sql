-- +goose Up
CREATE TABLE password_resets (
    token_hash TEXT   COLLATE "C" NOT NULL PRIMARY KEY, -- SHA-256 of the token in the mail, in hexadecimal
    user_id    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,             -- milliseconds since 1970, UTC
    expires_at BIGINT NOT NULL              -- 0 once it is used or void; the row then still counts for the limit of mails
);
CREATE INDEX password_resets_user_id ON password_resets (user_id);
CREATE INDEX password_resets_created_at ON password_resets (created_at);
