package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"userorder/database"
)

// Events wait in order_events, behind the position of a webhook, until a call is free for them. Only then are their orders
// given lanes. So a webhook that is far behind has no more rows than another, unless its calls fail.

// lease is the right to send the first event of a lane, which one turn has given out.
type lease struct {
	lane, number int64
}

// delivery is an event that is to be sent to a webhook.
type delivery struct {
	lease
	until        time.Time // end of the lease
	attempts     int       // that have failed
	failingSince int64     // milliseconds; 0: none has failed
	event        event     // without an id if it is gone
}

// failedAttempt is what is kept of an attempt that has failed.
type failedAttempt struct {
	lease
	at, due time.Time
	reason  string
}

// turn is one transaction for a webhook: what became of calls that have ended, and what comes next. Each list has at most
// maxCalls members.
type turn struct {
	webhook  int64
	number   int64 // that no other turn has
	now      time.Time
	until    time.Time // end of the leases that it gives out
	settled  int64     // events that may be sent
	free     int       // how many leases it may give out
	retries  int       // how many of these may be for events of which attempts have failed
	done     []lease   // of events that were taken or are given up
	failed   []failedAttempt
	released []lease // of events whose calls were cut off
}

// look returns the position of a webhook, and whether any of its lanes is due. It returns sql.ErrNoRows if there is no such
// webhook.
func (s *store) look(ctx context.Context, webhook int64, now time.Time) (position int64, due bool, err error) {
	const query = `
		SELECT position,
			coalesce((SELECT due_at FROM webhook_lanes WHERE webhook_id = webhooks.id AND attempts = 0 ORDER BY due_at LIMIT 1), $1),
			coalesce((SELECT due_at FROM webhook_lanes WHERE webhook_id = webhooks.id AND attempts > 0 ORDER BY due_at LIMIT 1), $1)
		FROM webhooks WHERE id = $2`
	never := now.UnixMilli() + 1
	var first, again int64
	err = s.db.QueryRow(ctx, query, never, webhook).Scan(&position, &first, &again)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, fmt.Errorf("select webhook: %w", err)
	}
	return position, first < never || again < never, err
}

// take makes a turn and returns what comes next, at most t.free deliveries, and the position of the webhook after it. It
// returns sql.ErrNoRows if there is no such webhook. Concurrent turns for a webhook follow each other, since each begins
// with the webhook's row.
func (s *store) take(ctx context.Context, t turn) (next []delivery, position int64, err error) {
	var lanes []int64
	err = s.db.Write(ctx, func(tx *database.Tx) (err error) {
		const begin = `UPDATE webhooks SET seen_at = $1 WHERE id = $2 RETURNING position`
		if err := tx.QueryRow(begin, t.now.UnixMilli(), t.webhook).Scan(&position); err != nil {
			return fmt.Errorf("update webhook: %w", err)
		}
		if err := t.record(tx); err != nil {
			return err
		}
		if lanes, err = t.claim(tx); err != nil || len(lanes) == t.free || position >= t.settled {
			return err
		}
		var opened []int64
		opened, position, err = t.open(tx, position, t.free-len(lanes))
		lanes = append(lanes, opened...)
		return err
	})
	if err != nil || len(lanes) == 0 {
		return nil, position, err
	}
	if next, err = s.deliveries(ctx, t, lanes); err != nil {
		return nil, position, err
	}
	for _, lane := range lanes {
		if !slices.ContainsFunc(next, func(d delivery) bool { return d.lane == lane }) {
			next = append(next, delivery{lease: lease{lane, t.number}, until: t.until}) // an operator has deleted the order
		}
	}
	return next, position, nil
}

// record writes down what became of calls whose leases still hold: of the others somebody else has sent the events.
func (t *turn) record(tx *database.Tx) error {
	lanes := map[int64][]int64{} // that are done, by the number of their turn
	for _, l := range t.done {
		lanes[l.number] = append(lanes[l.number], l.lane)
	}
	for number := range lanes {
		if err := t.advance(tx, number, lanes[number]); err != nil {
			return err
		}
	}
	const failed = `
		UPDATE webhook_lanes SET due_at = $1, lease = 0, attempts = attempts + 1, failing_since = coalesce(failing_since, $2),
			failed_at = $2, error = $3
		WHERE id = $4 AND lease = $5`
	for _, f := range t.failed {
		if _, err := tx.Exec(failed, f.due.UnixMilli(), f.at.UnixMilli(), f.reason, f.lane, f.number); err != nil {
			return fmt.Errorf("update lane: %w", err)
		}
	}
	const released = `UPDATE webhook_lanes SET due_at = $1, lease = 0 WHERE id = $2 AND lease = $3`
	for _, l := range t.released {
		if _, err := tx.Exec(released, t.now.UnixMilli(), l.lane, l.number); err != nil {
			return fmt.Errorf("update lane: %w", err)
		}
	}
	return nil
}

var (
	deleteLanes = `
		DELETE FROM webhook_lanes WHERE lease = $1 AND version >= last_version AND id IN (` + placeholders(2, maxCalls) + `)`
	advanceLanes = `
		UPDATE webhook_lanes SET version = version + 1, due_at = $1, lease = 0, attempts = 0, failing_since = NULL, failed_at = NULL, error = NULL,
			event_at = coalesce((SELECT at FROM order_events AS e WHERE e.order_id = webhook_lanes.order_id
				AND e.version = webhook_lanes.version + 1), event_at)
		WHERE lease = $2 AND version < last_version AND id IN (` + placeholders(3, maxCalls) + `)`
	selectDeliveries = `
		SELECT ` + feedColumns + `, l.id, l.attempts, coalesce(l.failing_since, 0)
		FROM webhook_lanes AS l JOIN order_events AS e ON e.order_id = l.order_id AND e.version = l.version
			JOIN orders AS o ON o.id = e.order_id
		WHERE l.lease = $1 AND l.id IN (` + placeholders(2, maxCalls) + `)`
)

// placeholders returns $first, $first+1 and so on.
func placeholders(first, count int) string {
	var text strings.Builder
	for n := range count {
		if n > 0 {
			text.WriteString(", ")
		}
		text.WriteString("$" + strconv.Itoa(first+n))
	}
	return text.String()
}

// arguments returns some arguments and then maxCalls ids, of which those without a lane are 0.
func arguments(lanes []int64, first ...any) []any {
	for n := range maxCalls {
		lane := int64(0)
		if n < len(lanes) {
			lane = lanes[n]
		}
		first = append(first, lane)
	}
	return first
}

// advance goes on to the next event of lanes, and deletes those that have none.
func (t *turn) advance(tx *database.Tx, number int64, lanes []int64) error {
	deleted, err := tx.Exec(deleteLanes, arguments(lanes, number)...)
	if err != nil {
		return fmt.Errorf("delete lanes: %w", err)
	}
	if int(deleted) == len(lanes) {
		return nil
	}
	if _, err := tx.Exec(advanceLanes, arguments(lanes, t.now.UnixMilli(), number)...); err != nil {
		return fmt.Errorf("update lanes: %w", err)
	}
	return nil
}

// claim leases up to t.free lanes that are due, and returns their ids.
func (t *turn) claim(tx *database.Tx) (lanes []int64, err error) {
	const query = `
		UPDATE webhook_lanes SET due_at = $1, lease = $2 WHERE id IN (SELECT id FROM (
			SELECT id FROM (SELECT id FROM webhook_lanes
				WHERE webhook_id = $3 AND attempts > 0 AND due_at <= $4 ORDER BY due_at LIMIT $5) AS again
			UNION ALL SELECT id FROM (SELECT id FROM webhook_lanes
				WHERE webhook_id = $3 AND attempts = 0 AND due_at <= $4 ORDER BY due_at LIMIT $6) AS first
			) AS due LIMIT $6)
		RETURNING id`
	if t.free == 0 {
		return nil, nil
	}
	lanes, err = database.CollectTx(tx, scanID, query,
		t.until.UnixMilli(), t.number, t.webhook, t.now.UnixMilli(), min(t.retries, t.free), t.free)
	if err != nil {
		return nil, fmt.Errorf("claim lanes: %w", err)
	}
	return lanes, nil
}

func scanID(row *database.Row) (id int64, err error) { return id, row.Scan(&id) }

// open leases lanes for up to limit events behind a position, and returns their ids and the new position. An event of an
// order that has a lane already waits there.
func (t *turn) open(tx *database.Tx, position int64, limit int) (lanes []int64, last int64, err error) {
	const advance = `
		UPDATE webhooks SET position = coalesce(
			(SELECT max(id) FROM (SELECT id FROM order_events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS piece), $2)
		WHERE id = $4 RETURNING position`
	const insert = `
		INSERT INTO webhook_lanes (webhook_id, order_id, version, last_version, event_at, due_at, lease)
		SELECT CAST($1 AS BIGINT), order_id, min(version), max(version), min(at), CAST($2 AS BIGINT), CAST($3 AS BIGINT)
		FROM order_events WHERE id > $4 AND id <= $5 GROUP BY order_id
		ON CONFLICT (webhook_id, order_id) DO UPDATE SET last_version = excluded.last_version
		RETURNING CASE WHEN lease = $3 THEN id ELSE 0 END`
	if err = tx.QueryRow(advance, position, t.settled, limit, t.webhook).Scan(&last); err != nil {
		return nil, position, fmt.Errorf("update webhook: %w", err)
	}
	lanes, err = database.CollectTx(tx, scanID, insert, t.webhook, t.until.UnixMilli(), t.number, position, last)
	if err != nil {
		return nil, position, fmt.Errorf("insert lanes: %w", err)
	}
	return slices.DeleteFunc(lanes, func(id int64) bool { return id == 0 }), last, nil
}

// deliveries returns the first events of lanes that a turn has leased.
func (s *store) deliveries(ctx context.Context, t turn, lanes []int64) ([]delivery, error) {
	read := func(row *database.Row) (delivery, error) {
		d := delivery{lease: lease{number: t.number}, until: t.until}
		var err error
		d.event, err = scanFeed(row, &d.lane, &d.attempts, &d.failingSince)
		return d, err
	}
	next, err := database.Collect(ctx, s.db, read, selectDeliveries, arguments(lanes, t.number)...)
	if err != nil {
		return nil, fmt.Errorf("select events: %w", err)
	}
	return next, nil
}
