-- +goose Up
CREATE INDEX orders_user ON orders (user_id, id);  -- a user's list
CREATE INDEX orders_status ON orders (status, id); -- everybody's list of one status, and what has expired
CREATE UNIQUE INDEX orders_key ON orders (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL;
