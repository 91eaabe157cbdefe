package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"userorder/database"
)

// EnsureIssuer makes sure that a database of accounts has an issuer, after Migrate: a random text, the iss of the tokens
// for it. So a token for one database, such as a file that was deleted, is never good for an account
// with the same number in another. A copy by database.Copy has the same issuer.
func EnsureIssuer(ctx context.Context, db *database.DB) error {
	if _, err := readIssuer(ctx, db); !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	const query = `INSERT INTO token_issuer (id, issuer) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`
	if _, err := db.Exec(ctx, query, rand.Text()); err != nil {
		return fmt.Errorf("insert issuer: %w", err)
	}
	return nil
}

// readIssuer returns the issuer of a database. The error wraps sql.ErrNoRows if there is none yet.
func readIssuer(ctx context.Context, db *database.DB) (issuer string, err error) {
	if err := db.QueryRow(ctx, `SELECT issuer FROM token_issuer`).Scan(&issuer); err != nil {
		return "", fmt.Errorf("select issuer: %w", err)
	}
	return issuer, nil
}

// NewIssuer gives a database of accounts, after Migrate, another issuer, and forgets all sessions: no token that was issued
// before is good for it.
func NewIssuer(ctx context.Context, db *database.DB) error {
	return db.Write(ctx, func(tx *database.Tx) error {
		for _, query := range []string{`DELETE FROM sessions`, `DELETE FROM ended_sessions`, `DELETE FROM token_issuer`} {
			if _, err := tx.Exec(query); err != nil {
				return fmt.Errorf("forget sessions: %w", err)
			}
		}
		if _, err := tx.Exec(`INSERT INTO token_issuer (id, issuer) VALUES (1, $1)`, rand.Text()); err != nil {
			return fmt.Errorf("insert issuer: %w", err)
		}
		return nil
	})
}
