package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
	"userorder/webhook"
)

// Growth says how many orders there are. Some ids may be missing, so both numbers are upper limits.
type Growth struct {
	All, Since int64
	Newest     time.Time // zero: none
}

// ReadGrowth returns the number of orders in a database, and of those since a time. It looks up some thirty rows.
func ReadGrowth(ctx context.Context, db *database.DB, since time.Time) (g Growth, err error) {
	var newest int64
	err = db.QueryRow(ctx, `SELECT id, created_at FROM orders ORDER BY id DESC LIMIT 1`).Scan(&g.All, &newest)
	if errors.Is(err, sql.ErrNoRows) {
		return Growth{}, nil
	}
	if err != nil {
		return Growth{}, fmt.Errorf("select the last order: %w", err)
	}
	g.Newest = time.UnixMilli(newest)
	before, after := int64(0), g.All+1 // ids of an order from before since and of one from after it
	for after-before > 1 {
		middle := before + (after-before)/2
		var id, at int64
		err := db.QueryRow(ctx, `SELECT id, created_at FROM orders WHERE id >= $1 ORDER BY id LIMIT 1`, middle).Scan(&id, &at)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return Growth{}, fmt.Errorf("select an order: %w", err)
		case err == nil && at < since.UnixMilli():
			before = max(id, middle)
		default:
			after = middle
		}
	}
	g.Since = g.All - before
	return g, nil
}

// Newest returns when the last order was created, or the zero time.
func Newest(ctx context.Context, db *database.DB) (time.Time, error) {
	g, err := ReadGrowth(ctx, db, time.UnixMilli(0))
	return g.Newest, err
}

// Backlog is what waits for a webhook.
type Backlog struct {
	Waiting   int64 // events
	Oldest    time.Time
	LastError string
}

// ReadBacklog returns what waits for a webhook, and changes nothing. The error wraps sql.ErrNoRows if no process has had
// the webhook in its settings yet.
func ReadBacklog(ctx context.Context, db *database.DB, to webhook.Endpoint) (b Backlog, err error) {
	var id int64
	if err := db.QueryRow(ctx, `SELECT id FROM webhooks WHERE digest = $1`, to.Key()).Scan(&id); err != nil {
		return b, fmt.Errorf("select webhook: %w", err)
	}
	waiting, err := (&store{db: db}).backlog(ctx, id)
	if waiting.Oldest != nil {
		b.Oldest = waiting.Oldest.Time
	}
	b.Waiting, b.LastError = waiting.Waiting, waiting.LastError
	return b, err
}
