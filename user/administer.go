package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/event"
	"userorder/httpapi"
)

// ErrNoAccount means that no account has a name.
var ErrNoAccount = errors.New("no account has this name")

// Grant gives the account with a name a role and ends its sessions, so that the change holds at once. The tables must be up to date. It returns ErrNoAccount if nobody has the name.
func Grant(ctx context.Context, db *database.DB, typed string, role auth.Role) error {
	return administer(ctx, db, typed, func(tx *auth.SessionTx, account int64, at time.Time) error {
		_, err := applyUpdate(tx, account, update{role: &role}, 0, client{}, at)
		return err
	})
}

// SetPassword sets the password of the account with a name and ends its sessions. The tables must be up to date. It
// returns ErrNoAccount if nobody has the name, and an httpapi.Text if no account can have the password.
func SetPassword(ctx context.Context, db *database.DB, typed, plain string) error {
	var prepared password
	if err := prepared.UnmarshalText([]byte(plain)); err != nil {
		return err
	}
	hash, err := newHasher(1, false).hash(ctx, netip.Prefix{}, string(prepared))
	if err != nil {
		return err
	}
	return administer(ctx, db, typed, func(tx *auth.SessionTx, account int64, at time.Time) error {
		if err := setPassword(tx, account, hash); err != nil {
			return err
		}
		return events.Append(tx.Tx, event.Event{Type: eventPasswordReset, Subject: account, At: httpapi.Timestamp{Time: at}})
	})
}

// administer runs fn in a transaction for the account with a name, which it has locked.
func administer(
	ctx context.Context, db *database.DB, typed string, fn func(tx *auth.SessionTx, account int64, at time.Time) error,
) error {
	const lock = `UPDATE users SET role = role WHERE id = $1 RETURNING id`
	var name username
	if name.UnmarshalText([]byte(typed)) != nil {
		return ErrNoAccount
	}
	s := &store{db: db, sessions: auth.NewSessions(auth.SessionConfig{DB: db})}
	stored, err := s.credentials(ctx, name)
	if errors.Is(err, errNotFound) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	return s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		var id int64
		switch err := tx.QueryRow(lock, stored.id).Scan(&id); {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNoAccount
		case err != nil:
			return fmt.Errorf("lock user: %w", err)
		}
		return fn(tx, id, s.sessions.Now())
	})
}
