-- +goose Up
-- A receiver of events. Its URL may hold a credential, so it is not kept.
CREATE TABLE webhooks (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    digest   TEXT NOT NULL UNIQUE, -- SHA-256 of the URL, in hexadecimal
    url      TEXT    NOT NULL, -- without what may be a credential
    position INTEGER NOT NULL, -- events up to this id are in a lane, or done with
    seen_at  INTEGER NOT NULL  -- when a process had the URL in its settings; milliseconds since 1970, UTC
) STRICT;

-- Events of one order that one receiver has not taken, from version to last_version. There is a row only while the first of
-- them is being sent, or attempts to send it have failed. All times are milliseconds since 1970, UTC.
CREATE TABLE webhook_lanes (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id    INTEGER NOT NULL,
    order_id      INTEGER NOT NULL,
    version       INTEGER NOT NULL, -- of the order, after the first of the events
    last_version  INTEGER NOT NULL,
    event_at      INTEGER NOT NULL, -- time of the first of the events
    due_at        INTEGER NOT NULL, -- time of the next attempt, or the end of the lease
    lease         INTEGER NOT NULL DEFAULT 0, -- number of the turn that gave it out; 0: none
    attempts      INTEGER NOT NULL DEFAULT 0, -- that have failed
    failing_since INTEGER, -- time of the first attempt that has failed
    failed_at     INTEGER, -- time of the last one
    error         TEXT     -- of the last one
) STRICT;
CREATE UNIQUE INDEX webhook_lanes_order ON webhook_lanes (webhook_id, order_id);
CREATE INDEX webhook_lanes_due ON webhook_lanes (webhook_id, due_at) WHERE attempts = 0;
CREATE INDEX webhook_lanes_due_again ON webhook_lanes (webhook_id, due_at) WHERE attempts > 0;
CREATE INDEX webhook_lanes_failed ON webhook_lanes (webhook_id, failed_at) WHERE failed_at IS NOT NULL;
