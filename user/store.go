package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

type store struct {
	db       *database.DB
	sessions *auth.Sessions // of the same database
}

// insert adds an account and returns its id, or errNameTaken.
func (s *store) insert(
	ctx context.Context, name username, address email, hash string, from client, at time.Time,
) (id int64, err error) {
	const query = `
		INSERT INTO users (username, username_key, email, password_hash, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (username_key) DO NOTHING`
	err = s.db.Write(ctx, func(tx *database.Tx) (err error) {
		id, err = tx.Insert(query, name.typed, name.key, string(address), hash, at.UnixMilli())
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return errNameTaken
		case err != nil:
			return fmt.Errorf("insert user: %w", err)
		}
		return events.Append(tx, from.did(eventRegistered, id, at))
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// credentials are what a check of a password needs of an account.
type credentials struct {
	id       int64
	name     string // as it was typed at the registration
	key      string // the one that the account was found by
	hash     string
	disabled bool
}

const checkedColumns = `id, username, username_key, password_hash, disabled_at`

// credentials returns those of the account with this name, or errNotFound. An account that has the exact spelling for
// itself comes first, one that an earlier release has registered last.
func (s *store) credentials(ctx context.Context, name username) (credentials, error) {
	const query = `
		SELECT ` + checkedColumns + ` FROM users WHERE username_key IN ($1, $2, $3)
		ORDER BY CASE username_key WHEN $1 THEN 0 WHEN $2 THEN 1 ELSE 2 END LIMIT 1`
	return readCredentials(s.db.QueryRow(ctx, query, name.exactKey(), name.key, name.earlierKey()))
}

// credentialsOf returns those of an account, or errNotFound.
func (s *store) credentialsOf(ctx context.Context, id int64) (credentials, error) {
	return readCredentials(s.db.QueryRow(ctx, `SELECT `+checkedColumns+` FROM users WHERE id = $1`, id))
}

func readCredentials(row *database.Row) (c credentials, err error) {
	var disabledAt int64
	if err := row.Scan(&c.id, &c.name, &c.key, &c.hash, &disabledAt); err != nil {
		return credentials{}, selectError(err)
	}
	c.disabled = disabledAt != 0
	return c, nil
}

// logIn begins a session of an account whose password is right, and replaces its password hash old by hash, which may be
// the same. It returns errCredentials if the account has another hash by now or is gone, and errDisabled.
func (s *store) logIn(ctx context.Context, id int64, old, hash string, from client) (session auth.Session, err error) {
	at := s.sessions.Now()
	err = s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		role, err := lockAccount(tx.Tx, id, old, hash)
		if err != nil {
			return err
		}
		if session, err = tx.Begin(id, role, from.agent, from.address); err != nil {
			return err
		}
		if err := rememberAddress(tx.Tx, id, from, at); err != nil {
			return err
		}
		return events.Append(tx.Tx, from.did(eventLoggedIn, id, at))
	})
	return session, err
}

// lockUser keeps everybody else from changing the row of an account until the end of the transaction, and reports whether
// there is one.
func lockUser(tx *database.Tx, id int64) (found bool, err error) {
	rows, err := tx.Exec(`UPDATE users SET role = role WHERE id = $1`, id)
	if err != nil {
		return false, fmt.Errorf("lock user: %w", err)
	}
	return rows == 1, nil
}

// lockAccount replaces the password hash old of an account by hash, which may be the same, and returns its role. Until
// the end of the transaction nothing else can change the account. It returns errCredentials if the account has another
// hash or is gone, and errDisabled.
func lockAccount(tx *database.Tx, id int64, old, hash string) (role auth.Role, err error) {
	const query = `UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3 RETURNING role, disabled_at`
	var disabledAt int64
	err = tx.QueryRow(query, hash, id, old).Scan((*string)(&role), &disabledAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", errCredentials
	case err != nil:
		return "", fmt.Errorf("update password hash: %w", err)
	case disabledAt != 0:
		return "", errDisabled
	}
	return role, nil
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
	const query = `SELECT id, username, email, role, created_at FROM users WHERE id = $1`
	var a account
	var createdAt int64
	err := s.db.QueryRow(ctx, query, id).Scan(&a.ID, &a.Username, &a.Email, (*string)(&a.Role), &createdAt)
	if err != nil {
		return account{}, selectError(err)
	}
	a.CreatedAt = httpapi.TimestampOf(createdAt)
	return a, nil
}

func selectError(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errNotFound
	}
	return fmt.Errorf("select user: %w", err)
}
