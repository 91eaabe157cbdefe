-- +goose Up
-- The index of 0004 fits the new collation, so none on users is built here: the lock lasts some milliseconds. Rather
-- than make all logins wait behind a transaction that has read the table, such as a backup, it gives up.
SET LOCAL lock_timeout = '4s';
ALTER TABLE users DROP CONSTRAINT users_username_key_key;
ALTER TABLE users ALTER COLUMN username_key TYPE TEXT COLLATE "C";
ALTER TABLE users ADD CONSTRAINT users_username_key_key UNIQUE USING INDEX users_username_key_bytes;
-- Here the index is built anew; the rows are few and live for minutes.
ALTER TABLE login_failures ALTER COLUMN name_hash TYPE TEXT COLLATE "C";
