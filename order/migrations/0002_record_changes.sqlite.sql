-- +goose Up
-- ALTER TABLE ADD COLUMN would read the whole of a STRICT table, for seconds, and cannot change the CHECK. Neither change
-- concerns stored rows, so this replaces the text of the schema (https://www.sqlite.org/lang_altertable.html#otheralter).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = 'CREATE TABLE orders (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         INTEGER NOT NULL,
    product         TEXT    NOT NULL,
    price           INTEGER NOT NULL CHECK (price >= 0), -- hundredths
    status          TEXT    NOT NULL CHECK (status IN (''created'', ''paid'', ''shipped'', ''completed'', ''cancelled'')),
    created_at      INTEGER NOT NULL,                    -- milliseconds since 1970, UTC
    cancelled_at    INTEGER,                             -- milliseconds since 1970, UTC
    version         INTEGER NOT NULL DEFAULT 1,
    created_by      INTEGER, -- the account; NULL: the user
    changed_at      INTEGER, -- milliseconds since 1970, UTC; NULL: never, or it was cancelled before there were versions
    changed_by      INTEGER, -- the account; NULL: the system, or nobody yet
    changed_as      TEXT,    -- role of the last actor; NULL: customer
    note            TEXT,    -- on the last change
    metadata        TEXT,    -- a JSON object of strings
    idempotency_key TEXT,    -- of the request that created it
    language        TEXT     -- of the answer to a request with an idempotency key
) STRICT' WHERE type = 'table' AND name = 'orders';
PRAGMA writable_schema = RESET;

CREATE TABLE order_events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL,
    version  INTEGER NOT NULL, -- of the order, after the event
    status   TEXT    NOT NULL, -- of the order, after the event
    role     TEXT    NOT NULL, -- of the actor: customer, staff or system
    actor    INTEGER,          -- the account; NULL: the system
    note     TEXT    NOT NULL,
    at       INTEGER NOT NULL  -- milliseconds since 1970, UTC
) STRICT;
CREATE UNIQUE INDEX order_events_order ON order_events (order_id, version);

-- Orders up to this id have no event of their creation, nor of a cancellation at version 1: their rows tell of both. The
-- ids of these events would be 2 * id - 1 and 2 * id, so the others begin above them.
CREATE TABLE order_events_begin (last_order_id INTEGER PRIMARY KEY) STRICT;
INSERT INTO order_events_begin SELECT coalesce(max(id), 0) FROM orders;
INSERT INTO sqlite_sequence (name, seq) SELECT 'order_events', 2 * last_order_id FROM order_events_begin;

-- +goose StatementBegin
CREATE TRIGGER orders_created AFTER INSERT ON orders BEGIN
    INSERT INTO order_events (order_id, version, status, role, actor, note, at)
    VALUES (new.id, new.version, new.status, coalesce(new.changed_as, 'customer'), coalesce(new.created_by, new.user_id), '', new.created_at);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER orders_changed AFTER UPDATE OF version ON orders WHEN new.version <> old.version BEGIN
    INSERT INTO order_events (order_id, version, status, role, actor, note, at)
    VALUES (new.id, new.version, new.status, coalesce(new.changed_as, 'customer'), new.changed_by, coalesce(new.note, ''), new.changed_at);
END;
-- +goose StatementEnd

-- For changes that know nothing of versions: cancellations by the release before, and an operator's.
-- +goose StatementBegin
CREATE TRIGGER orders_versioned AFTER UPDATE OF status ON orders WHEN new.status <> old.status AND new.version = old.version BEGIN
    UPDATE orders SET
        version    = old.version + 1,
        changed_at = coalesce(CASE WHEN new.status = 'cancelled' THEN new.cancelled_at END,
                              CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
        changed_by = CASE WHEN new.status = 'cancelled' AND new.cancelled_at IS NOT old.cancelled_at THEN new.user_id END,
        changed_as = CASE WHEN new.status = 'cancelled' AND new.cancelled_at IS NOT old.cancelled_at THEN 'customer' ELSE 'system' END,
        note       = ''
    WHERE id = new.id;
END;
-- +goose StatementEnd
