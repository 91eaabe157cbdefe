package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// failures returns the login failures of a name; a name without any has the zero failures.
func (s *store) failures(ctx context.Context, name username) (f failures, err error) {
	const query = `SELECT failures, failed_at, delay FROM login_failures WHERE name_hash = $1`
	var failedAt, delay int64
	err = s.db.QueryRow(ctx, query, hashOf(name)).Scan(&f.count, &failedAt, &delay)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return failures{}, nil
	case err != nil:
		return failures{}, fmt.Errorf("select login failures: %w", err)
	}
	f.failedAt, f.delay = time.UnixMilli(failedAt), time.Duration(delay)*time.Millisecond
	return f, nil
}

// addFailure records a login failure of a name and returns how many there are now in a row. During a delay it records
// nothing and returns 0.
func (s *store) addFailure(ctx context.Context, name username, t Throttle, at time.Time) (count int64, err error) {
	const query = `
		INSERT INTO login_failures (name_hash, failures, failed_at, delay) VALUES ($1, 1, $2, $3)
		ON CONFLICT (name_hash) DO UPDATE SET
			failures = CASE
				WHEN login_failures.failed_at + login_failures.delay < $4 THEN 1
				ELSE login_failures.failures + 1 END,
			failed_at = $2,
			delay = CASE
				WHEN login_failures.failed_at + login_failures.delay < $4 THEN $3
				WHEN login_failures.failures + 1 < $5 THEN 0
				WHEN login_failures.delay = 0 THEN $6
				WHEN login_failures.delay * 2 > $7 THEN $7
				ELSE login_failures.delay * 2 END
		WHERE login_failures.failed_at > $2 OR login_failures.failed_at + login_failures.delay <= $2
		RETURNING failures`
	first := time.Duration(0) // the delay after a first failure
	if t.Failures == 1 {
		first = t.Delay
	}
	err = s.db.ExecRow(ctx, query, hashOf(name), at.UnixMilli(), first.Milliseconds(), at.Add(-t.Window).UnixMilli(),
		int64(t.Failures), t.Delay.Milliseconds(), t.MaxDelay.Milliseconds()).Scan(&count)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("record login failure: %w", err)
	}
	return count, nil
}

// forgetFailures deletes the login failures of a name unless they are no longer f.
func (s *store) forgetFailures(ctx context.Context, name username, f failures) error {
	const query = `DELETE FROM login_failures WHERE name_hash = $1 AND failures = $2 AND failed_at = $3`
	if _, err := s.db.Exec(ctx, query, hashOf(name), f.count, f.failedAt.UnixMilli()); err != nil {
		return fmt.Errorf("delete login failures: %w", err)
	}
	return nil
}

// sweepFailures deletes up to limit rows whose last failure was before a time, the oldest first, and returns how many.
func (s *store) sweepFailures(ctx context.Context, before time.Time, limit int64) (rows int64, err error) {
	// PostgreSQL evaluates the outer failed_at again for a row that was updated meanwhile, but not the subquery.
	const query = `
		DELETE FROM login_failures WHERE failed_at < $1 AND name_hash IN
			(SELECT name_hash FROM login_failures WHERE failed_at < $1 ORDER BY failed_at LIMIT $2)`
	rows, err = s.db.Exec(ctx, query, before.UnixMilli(), limit)
	if err != nil {
		return 0, fmt.Errorf("delete expired login failures: %w", err)
	}
	return rows, nil
}

func hashOf(name username) string {
	hash := sha256.Sum256([]byte(name.key))
	return hex.EncodeToString(hash[:])
}
