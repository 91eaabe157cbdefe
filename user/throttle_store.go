package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
	"userorder/event"
	"userorder/httpapi"
)

// failures returns the login failures of a name, and those from the client's own network during a delay of the name.
// Where there are none they are zero.
func (s *store) failures(ctx context.Context, a attempt) (ofName, own failures, err error) {
	const query = `SELECT name_hash, failures, failed_at, delay FROM login_failures WHERE name_hash IN ($1, $2)`
	nameKey := a.nameKey()
	_, err = database.Collect(ctx, s.db, func(row *database.Row) (none struct{}, err error) {
		var key string
		var f failures
		var failedAt, delay int64
		if err := row.Scan(&key, &f.count, &failedAt, &delay); err != nil {
			return none, err
		}
		f.failedAt, f.delay = time.UnixMilli(failedAt), time.Duration(delay)*time.Millisecond
		if key == nameKey {
			ofName = f
		} else {
			own = f
		}
		return none, nil
	}, query, nameKey, a.ownKey())
	if err != nil {
		return failures{}, failures{}, fmt.Errorf("select login failures: %w", err)
	}
	return ofName, own, nil
}

// addFailure records a login failure of a key and returns how many there are now in a row. During a delay of the key it
// records nothing and returns 0. It writes an event of the account, if there still is one: it may have been erased since
// its password was checked.
func (s *store) addFailure(ctx context.Context, a attempt, key string, t Throttle, at time.Time) (count int64, err error) {
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
	err = s.db.Write(ctx, func(tx *database.Tx) error {
		err := tx.QueryRow(query, key, at.UnixMilli(), first.Milliseconds(), at.Add(-t.Window).UnixMilli(),
			int64(t.Failures), t.Delay.Milliseconds(), t.MaxDelay.Milliseconds()).Scan(&count)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			count = 0
			return nil
		case err != nil:
			return fmt.Errorf("record login failure: %w", err)
		}
		failed := a.failed(at)
		found, err := lockUser(tx, a.account) // after the failures, as everywhere
		if err != nil {
			return err
		}
		if !found {
			failed.Subject = 0
		}
		return events.Append(tx, failed)
	})
	return count, err
}

// failed returns the event of a wrong password. Its actor is a stranger.
func (a attempt) failed(at time.Time) event.Event {
	return event.Event{Type: eventLoginFailed, Subject: a.account, Address: a.client.address, At: httpapi.Timestamp{Time: at}}
}

// forgetFailures deletes the login failures of a key unless they are no longer f.
func (s *store) forgetFailures(ctx context.Context, key string, f failures) error {
	const query = `DELETE FROM login_failures WHERE name_hash = $1 AND failures = $2 AND failed_at = $3`
	if _, err := s.db.Exec(ctx, query, key, f.count, f.failedAt.UnixMilli()); err != nil {
		return fmt.Errorf("delete login failures: %w", err)
	}
	return nil
}

// forgetAllFailures deletes the login failures of a name, from all networks.
func forgetAllFailures(tx *database.Tx, name username) error {
	const query = `DELETE FROM login_failures WHERE name_hash = $1 OR name_hash > $2 AND name_hash < $3`
	key := name.failuresKey()
	if _, err := tx.Exec(query, key, key+":", key+";"); err != nil { // the semicolon follows the colon
		return fmt.Errorf("delete login failures: %w", err)
	}
	return nil
}
