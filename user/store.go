package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"userorder/database"
)

type store struct {
	db *database.DB
}

// insert adds a user and returns the id, or ErrNameTaken.
func (s *store) insert(ctx context.Context, name Username, email Email, hash string, at time.Time) (id int64, err error) {
	const query = `
		INSERT INTO users (username, username_key, email, password_hash, created_at)
		VALUES ($1, $2, $3, $4, $5)`
	id, err = s.db.Insert(ctx, query, name.typed, name.key, string(email), hash, at.UnixMilli())
	switch {
	case database.IsUniqueViolation(err):
		return 0, ErrNameTaken
	case err != nil:
		return 0, fmt.Errorf("insert user: %w", err)
	}
	return id, nil
}

// credentials returns the id and the password hash of the user of that name, or ErrNotFound.
func (s *store) credentials(ctx context.Context, name Username) (id int64, hash string, err error) {
	const query = `SELECT id, password_hash FROM users WHERE username_key = $1`
	if err := s.db.QueryRow(ctx, query, name.key).Scan(&id, &hash); err != nil {
		return 0, "", selectError(err)
	}
	return id, hash, nil
}

// byID returns a user, or ErrNotFound.
func (s *store) byID(ctx context.Context, id int64) (User, error) {
	const query = `SELECT id, username, email FROM users WHERE id = $1`
	var user User
	if err := s.db.QueryRow(ctx, query, id).Scan(&user.ID, &user.Username, &user.Email); err != nil {
		return User{}, selectError(err)
	}
	return user, nil
}

// replaceHash changes a password hash unless somebody else has changed it since.
func (s *store) replaceHash(ctx context.Context, id int64, old, hash string) error {
	const query = `UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3`
	if _, err := s.db.Exec(ctx, query, hash, id, old); err != nil {
		return fmt.Errorf("update password hash: %w", err)
	}
	return nil
}

// failures returns the wrong passwords for a name, of which there may be none.
func (s *store) failures(ctx context.Context, name Username) (f failures, err error) {
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

// addFailure counts a wrong password for a name and returns how many there are now in a row, or 0 if a delay
// is under way, during which none is counted.
func (s *store) addFailure(ctx context.Context, name Username, t Throttle, at time.Time) (count int64, err error) {
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
		return 0, fmt.Errorf("count login failure: %w", err)
	}
	return count, nil
}

// forgetFailures forgets f unless there was another failure since.
func (s *store) forgetFailures(ctx context.Context, name Username, f failures) error {
	const query = `DELETE FROM login_failures WHERE name_hash = $1 AND failures = $2 AND failed_at = $3`
	if _, err := s.db.Exec(ctx, query, hashOf(name), f.count, f.failedAt.UnixMilli()); err != nil {
		return fmt.Errorf("delete login failures: %w", err)
	}
	return nil
}

// dropFailures removes rows of before a time among the few that follow the one of name. Names are spread by
// their hashes, so every row is looked at sooner or later.
func (s *store) dropFailures(ctx context.Context, name Username, before time.Time) error {
	const query = `
		DELETE FROM login_failures WHERE failed_at < $1 AND name_hash IN
			(SELECT name_hash FROM login_failures WHERE name_hash > $2 ORDER BY name_hash LIMIT 20)`
	if _, err := s.db.Exec(ctx, query, before.UnixMilli(), hashOf(name)); err != nil {
		return fmt.Errorf("delete old login failures: %w", err)
	}
	return nil
}

func hashOf(name Username) string {
	hash := sha256.Sum256([]byte(name.key))
	return hex.EncodeToString(hash[:])
}

func selectError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return fmt.Errorf("select user: %w", err)
}
