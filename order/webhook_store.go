package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
	"userorder/httpapi"
)

const newPositionTimeout = 5 * time.Second

// touchWebhook notes that a webhook is in the settings of this process and returns its id, or sql.ErrNoRows.
func (s *store) touchWebhook(ctx context.Context, digest string, at time.Time) (id int64, err error) {
	const query = `UPDATE webhooks SET seen_at = $1 WHERE digest = $2 RETURNING id`
	err = s.db.ExecRow(ctx, query, at.UnixMilli(), digest).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("update webhook: %w", err)
	}
	return id, err
}

// addWebhook is touchWebhook, but adds a webhook that is not there. Its first event is the next one.
func (s *store) addWebhook(ctx context.Context, digest, url string, at time.Time) (id int64, err error) {
	const query = `
		INSERT INTO webhooks (digest, url, position, seen_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at RETURNING id`
	id, err = s.touchWebhook(ctx, digest, at)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	position, err := s.newPosition(ctx)
	if err != nil {
		return 0, err
	}
	if err = s.db.ExecRow(ctx, query, digest, url, position, at.UnixMilli()).Scan(&id); err != nil {
		return 0, fmt.Errorf("insert webhook: %w", err)
	}
	return id, nil
}

// newPosition returns the id after which all events follow that are not committed yet. A transaction that has written one
// and stays open is waited for, for some seconds: a process that has just been started cannot tell what may be sent before
// the transaction ends. Of one that stays open for longer, events may be missed.
func (s *store) newPosition(ctx context.Context) (id int64, err error) {
	for deadline := time.Now().Add(newPositionTimeout); ; time.Sleep(100 * time.Millisecond) {
		var last int64
		if err = s.db.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM order_events`).Scan(&last); err == nil {
			id, err = s.db.Settled(ctx, "order_events")
		}
		switch {
		case err != nil:
			return 0, fmt.Errorf("select the last event: %w", err)
		case id > 0 || last == 0:
			return id, nil
		case time.Now().After(deadline):
			return last, nil
		}
	}
}

// backlog is what waits for a webhook.
type backlog struct {
	Waiting   int64              `json:"waiting"` // events
	Oldest    *httpapi.Timestamp `json:"oldest,omitempty"`
	LastError string             `json:"last_error,omitempty"`
	NextTry   *httpapi.Timestamp `json:"next_try,omitempty"`
}

// backlog returns what waits for a webhook. It counts rows, some milliseconds for a hundred thousand.
func (s *store) backlog(ctx context.Context, webhook int64) (b backlog, err error) {
	const lanes = `
		SELECT CAST(coalesce(sum(last_version - version + 1), 0) AS BIGINT), coalesce(min(event_at), 0),
			coalesce(min(CASE WHEN lease = 0 THEN due_at END), 0),
			coalesce((SELECT error FROM webhook_lanes WHERE webhook_id = $1 AND failed_at IS NOT NULL ORDER BY failed_at DESC LIMIT 1), '')
		FROM webhook_lanes WHERE webhook_id = $1`
	const behind = `
		SELECT count(*), coalesce((SELECT at FROM order_events WHERE id > w.position ORDER BY id LIMIT 1), 0)
		FROM webhooks AS w JOIN order_events AS e ON e.id > w.position WHERE w.id = $1 GROUP BY w.id`
	var oldest, nextTry, count, first int64
	if err := s.db.QueryRow(ctx, lanes, webhook).Scan(&b.Waiting, &oldest, &nextTry, &b.LastError); err != nil {
		return backlog{}, fmt.Errorf("select lanes: %w", err)
	}
	err = s.db.QueryRow(ctx, behind, webhook).Scan(&count, &first)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return backlog{}, fmt.Errorf("select events: %w", err)
	}
	b.Waiting += count
	if oldest == 0 || first != 0 && first < oldest {
		oldest = first
	}
	b.Oldest, b.NextTry = timestampOrNil(oldest), timestampOrNil(nextTry)
	return b, nil
}

func timestampOrNil(milliseconds int64) *httpapi.Timestamp {
	if milliseconds == 0 {
		return nil
	}
	at := httpapi.TimestampOf(milliseconds)
	return &at
}

// hasten makes due what waits for a webhook after a failure, a thousand lanes at a time.
func (s *store) hasten(ctx context.Context, webhook int64, now time.Time) error {
	const query = `
		UPDATE webhook_lanes SET due_at = $1 WHERE due_at > $1 AND lease = 0 AND id IN
			(SELECT id FROM webhook_lanes
			WHERE webhook_id = $2 AND attempts > 0 AND due_at > $1 AND failed_at <= $1 AND lease = 0 LIMIT 1000)`
	for {
		rows, err := s.db.Exec(ctx, query, now.UnixMilli(), webhook)
		if err != nil {
			return fmt.Errorf("update lanes: %w", err)
		}
		if rows == 0 {
			return nil
		}
	}
}

// forgetLanes has no join: SQLite would read all lanes to find that none is to be forgotten.
const forgetLanes = `
	DELETE FROM webhook_lanes WHERE id IN
		(SELECT id FROM webhook_lanes WHERE webhook_id IN (SELECT id FROM webhooks WHERE seen_at < $1) LIMIT 200)`

// forgetWebhooks deletes what waits for webhooks that no process has had in its settings since a time, and reports whether
// there may be more. The result has the URLs of those that are gone.
func (s *store) forgetWebhooks(ctx context.Context, unseenSince time.Time) (urls []string, more bool, err error) {
	const piece = 200
	const webhooks = `DELETE FROM webhooks WHERE seen_at < $1 RETURNING url`
	rows, err := s.db.Exec(ctx, forgetLanes, unseenSince.UnixMilli())
	if err != nil || rows == piece {
		return nil, rows == piece, err
	}
	read := func(row *database.Row) (url string, err error) { return url, row.Scan(&url) }
	err = s.db.Write(ctx, func(tx *database.Tx) (err error) {
		urls, err = database.CollectTx(tx, read, webhooks, unseenSince.UnixMilli())
		return err
	})
	return urls, false, err
}
