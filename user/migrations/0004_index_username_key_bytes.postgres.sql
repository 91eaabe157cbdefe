-- +goose NO TRANSACTION
-- +goose Up
-- The order of a text in the database's collation is that of a library, glibc or ICU. An upgrade of that library changes
-- the order but not the indexes, which then miss rows: logins fail, and a name can be registered twice. "C" compares
-- bytes and never changes. Built concurrently, so that the previous release goes on registering accounts; 0005 puts it
-- in place. An invalid index may be left of an attempt that was interrupted.
DROP INDEX IF EXISTS users_username_key_bytes;
CREATE UNIQUE INDEX CONCURRENTLY users_username_key_bytes ON users (username_key COLLATE "C");
