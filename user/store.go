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

// insert adds a user and returns the id, or ErrNameTaken.
func (s *store) insert(ctx context.Context, name Username, email Email, hash string, at time.Time) (id int64, err error) {
	const query = `
		INSERT INTO users (username, username_key, email, password_hash, created_at)
		VALUES ($1, $2, $3, $4, $5) RETURNING id`
	err = s.db.Write(ctx, func(tx *database.Tx) error {
		return tx.QueryRow(query, name.typed, name.key, string(email), hash, at.UnixMilli()).Scan(&id)
	})
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
	err := s.db.Write(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(query, hash, id, old)
		return err
	})
	if err != nil {
		return fmt.Errorf("update password hash: %w", err)
	}
	return nil
}

func selectError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return fmt.Errorf("select user: %w", err)
}
