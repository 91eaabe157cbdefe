package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"userorder/worker"
)

const (
	expiryInterval = 5 * time.Second
	expiryPiece    = 200 // orders, as in the statement; on SQLite other writes wait for them, some 10 ms
)

const minExpiry = time.Minute

// ParseExpiry parses after which time an order that stays created is cancelled: off, which is 0, or at least a minute.
func ParseExpiry(text string) (time.Duration, error) {
	if text == "off" {
		return 0, nil
	}
	expiry, err := time.ParseDuration(text)
	if err != nil || expiry < minExpiry {
		return 0, errors.New("must be off or a time from 1m, like 48h")
	}
	return expiry, nil
}

// expiry returns the job that cancels orders which stay created for life.
func (s *service) expiry(life time.Duration) worker.Job {
	return worker.Job{Name: "order_expiry", Every: expiryInterval, Do: func(ctx context.Context) (more bool, err error) {
		now := s.now()
		return s.store.expire(ctx, now.Add(-life), now)
	}}
}

// expire cancels some of the orders that were created before a time and have not been paid, the oldest first, and reports
// whether there may be more. It looks at the thousand with the lowest ids alone, since ids follow the time: it would take
// as many with a time in the future to hold up the others. Several calls at once cancel no order twice.
func (s *store) expire(ctx context.Context, before, at time.Time) (more bool, err error) {
	const query = `
		UPDATE orders SET status = 'cancelled', cancelled_at = $1, changed_at = $1, changed_by = NULL, changed_as = $2, note = '',
			version = version + 1
		WHERE status = 'created' AND id IN (SELECT id FROM
			(SELECT id, created_at FROM orders WHERE status = 'created' ORDER BY id LIMIT 1000) AS oldest
			WHERE created_at < $3 ORDER BY id LIMIT 200)`
	rows, err := s.db.Exec(ctx, query, at.UnixMilli(), string(system), before.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("cancel expired orders: %w", err)
	}
	return rows == expiryPiece, nil
}
