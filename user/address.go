package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"userorder/database"
)

const (
	// maxAddresses is from how many networks an account is known, and knownFor for how long after a login.
	maxAddresses = 16
	knownFor     = 30 * 24 * time.Hour
)

// addressHash returns the hash under which the network of a client is kept for an account.
func addressHash(account int64, from client) string {
	return hashOf(strconv.FormatInt(account, 10) + " " + from.network.String())
}

// isKnown reports whether an account has logged in from the network of a client of late. It takes as long for account 0.
func (s *store) isKnown(ctx context.Context, account int64, from client, at time.Time) (bool, error) {
	const query = `SELECT logged_in_at FROM login_addresses WHERE address_hash = $1`
	var loggedInAt int64
	err := s.db.QueryRow(ctx, query, addressHash(account, from)).Scan(&loggedInAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("select login address: %w", err)
	}
	return loggedInAt > at.Add(-knownFor).UnixMilli(), nil
}

// rememberAddress records a login, and forgets what is more than maxAddresses networks.
func rememberAddress(tx *database.Tx, account int64, from client, at time.Time) error {
	const remember = `
		INSERT INTO login_addresses (address_hash, user_id, logged_in_at) VALUES ($1, $2, $3)
		ON CONFLICT (address_hash) DO UPDATE SET logged_in_at = excluded.logged_in_at`
	const forget = `
		DELETE FROM login_addresses WHERE address_hash IN (SELECT address_hash FROM login_addresses WHERE user_id = $1
			ORDER BY logged_in_at DESC, address_hash LIMIT 1000 OFFSET $2)`
	_, err := tx.Exec(remember, addressHash(account, from), account, at.UnixMilli())
	if err == nil {
		_, err = tx.Exec(forget, account, maxAddresses)
	}
	if err != nil {
		return fmt.Errorf("remember login address: %w", err)
	}
	return nil
}

// forgetAddresses forgets from where an account has logged in.
func forgetAddresses(tx *database.Tx, account int64) error {
	if _, err := tx.Exec(`DELETE FROM login_addresses WHERE user_id = $1`, account); err != nil {
		return fmt.Errorf("delete login addresses: %w", err)
	}
	return nil
}
