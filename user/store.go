package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
)

type store struct {
	db *database.DB
}

// insert adds an account and returns its id, or errNameTaken.
func (s *store) insert(ctx context.Context, name username, address email, hash string, at time.Time) (id int64, err error) {
	const query = `
		INSERT INTO users (username, username_key, email, password_hash, created_at)
		VALUES ($1, $2, $3, $4, $5)`
	id, err = s.db.Insert(ctx, query, name.typed, name.key, string(address), hash, at.UnixMilli())
	switch {
	case database.IsUniqueViolation(err):
		return 0, errNameTaken
	case err != nil:
		return 0, fmt.Errorf("insert user: %w", err)
	}
	return id, nil
}

// credentials are what a login needs of an account.
type credentials struct {
	id   int64
	key  string // the one that the account was found by
	hash string
}

// credentials returns those of the account with this name, or errNotFound. An account that has the exact spelling for
// itself comes first, one that an earlier release has registered last.
func (s *store) credentials(ctx context.Context, name username) (c credentials, err error) {
	const query = `
		SELECT id, username_key, password_hash FROM users WHERE username_key IN ($1, $2, $3)
		ORDER BY CASE username_key WHEN $1 THEN 0 WHEN $2 THEN 1 ELSE 2 END LIMIT 1`
	err = s.db.QueryRow(ctx, query, name.exactKey(), name.key, name.earlierKey()).Scan(&c.id, &c.key, &c.hash)
	if err != nil {
		return credentials{}, selectError(err)
	}
	return c, nil
}

// replaceKey replaces the key of an account unless another account has the new one.
func (s *store) replaceKey(ctx context.Context, id int64, old, key string) error {
	const query = `UPDATE users SET username_key = $1 WHERE id = $2 AND username_key = $3`
	_, err := s.db.Exec(ctx, query, key, id, old)
	if err != nil && !database.IsUniqueViolation(err) {
		return fmt.Errorf("update username key: %w", err)
	}
	return nil
}

// byID returns an account, or errNotFound.
func (s *store) byID(ctx context.Context, id int64) (account, error) {
	const query = `SELECT id, username, email FROM users WHERE id = $1`
	var a account
	if err := s.db.QueryRow(ctx, query, id).Scan(&a.ID, &a.Username, &a.Email); err != nil {
		return account{}, selectError(err)
	}
	return a, nil
}

// replaceHash replaces the password hash old by hash. It does nothing if the account has another hash by now.
func (s *store) replaceHash(ctx context.Context, id int64, old, hash string) error {
	const query = `UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3`
	if _, err := s.db.Exec(ctx, query, hash, id, old); err != nil {
		return fmt.Errorf("update password hash: %w", err)
	}
	return nil
}

func selectError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errNotFound
	}
	return fmt.Errorf("select user: %w", err)
}
