-- +goose NO TRANSACTION
-- +goose Up
-- CONCURRENTLY, so that the release before goes on creating orders meanwhile. What a try that was interrupted has left is
-- dropped first.
DROP INDEX CONCURRENTLY IF EXISTS orders_user;
CREATE INDEX CONCURRENTLY orders_user ON orders (user_id, id); -- a user's list
-- The status is not COLLATE "C": no collation changes the order of its five words, and another type of a column would fail
-- the prepared statements of the release before.
DROP INDEX CONCURRENTLY IF EXISTS orders_status;
CREATE INDEX CONCURRENTLY orders_status ON orders (status, id); -- everybody's list of one status, and what has expired
DROP INDEX CONCURRENTLY IF EXISTS orders_key;
CREATE UNIQUE INDEX CONCURRENTLY orders_key ON orders (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL;
