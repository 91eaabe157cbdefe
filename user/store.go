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

// credentials returns the id and the password hash of the account with this name, or errNotFound. An account that has
// the exact spelling for itself comes before the one that has the key.
func (s *store) credentials(ctx context.Context, name username) (id int64, hash string, err error) {
	const query = `
		SELECT id, password_hash FROM users
		WHERE username_key IN ($1, $2) ORDER BY CASE username_key WHEN $2 THEN 0 ELSE 1 END LIMIT 1`
	if err := s.db.QueryRow(ctx, query, name.key, name.exactKey()).Scan(&id, &hash); err != nil {
		return 0, "", selectError(err)
	}
	return id, hash, nil
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
