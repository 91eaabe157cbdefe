package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/auth"
	"userorder/database"
)

// addReset adds a token for an account, voids those before it, and returns the address to mail it to, or "" if the account
// has had its mails for the hour, is disabled or is gone.
func (s *store) addReset(ctx context.Context, account int64, tokenHash string, at time.Time) (to string, err error) {
	// Locks the account, so that no other request is counting its mails meanwhile.
	const lock = `UPDATE users SET role = role WHERE id = $1 AND disabled_at = 0 RETURNING email`
	const count = `
		SELECT count(CASE WHEN user_id = $1 THEN 1 END), count(*) FROM password_resets
		WHERE created_at > $2 AND user_id IN (SELECT id FROM users WHERE id = user_id AND lower(email) = lower($3))`
	const insert = `INSERT INTO password_resets (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`
	err = s.db.Write(ctx, func(tx *database.Tx) error {
		to = ""
		var address string
		var resets, mails int
		err := tx.QueryRow(lock, account).Scan(&address)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = tx.QueryRow(count, account, at.Add(-resetWindow).UnixMilli(), address).Scan(&resets, &mails)
		}
		if err != nil || resets >= maxResets || mails >= maxMails {
			return err
		}
		if err := voidResets(tx, account); err != nil {
			return err
		}
		if _, err := tx.Exec(insert, tokenHash, account, at.UnixMilli(), at.Add(resetLife).UnixMilli()); err != nil {
			return err
		}
		to = address
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("insert password reset: %w", err)
	}
	return to, nil
}

// voidResets makes all links void that were mailed to an account.
func voidResets(tx *database.Tx, account int64) error {
	const query = `UPDATE password_resets SET expires_at = 0 WHERE user_id = $1 AND expires_at > 0`
	if _, err := tx.Exec(query, account); err != nil {
		return fmt.Errorf("void password resets: %w", err)
	}
	return nil
}

// resetOf returns the account that a token is good for, or errLink.
func (s *store) resetOf(ctx context.Context, tokenHash string, at time.Time) (account int64, err error) {
	const query = `SELECT user_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2`
	err = resetError(s.db.QueryRow(ctx, query, tokenHash, at.UnixMilli()).Scan(&account))
	return account, err
}

func resetError(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errLink
	case err != nil:
		return fmt.Errorf("select password reset: %w", err)
	}
	return nil
}

// reset uses a token of an account up and sets its password. It returns errLink if the token is not good any more. All
// transactions lock the failures of a name first, then the account, then its tokens.
func (s *store) reset(ctx context.Context, account int64, tokenHash, hash string, from client) error {
	const use = `UPDATE password_resets SET expires_at = 0 WHERE token_hash = $1 AND expires_at > $2`
	at := s.sessions.Now()
	return s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		if err := setPassword(tx, account, hash); errors.Is(err, errNotFound) {
			return errLink
		} else if err != nil {
			return err
		}
		switch rows, err := tx.Exec(use, tokenHash, at.UnixMilli()); {
		case err != nil:
			return fmt.Errorf("use password reset: %w", err)
		case rows == 0:
			return errLink
		}
		if err := voidResets(tx.Tx, account); err != nil {
			return err
		}
		return events.Append(tx.Tx, from.did(eventPasswordReset, account, at))
	})
}
