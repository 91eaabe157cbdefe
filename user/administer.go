package user

import (
	"cmp"
	"context"
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

// Grant gives the account with a name a role and ends its sessions, so that the change holds at once. The tables must be up
// to date. It returns ErrNoAccount if nobody has the name.
func Grant(ctx context.Context, db *database.DB, typed string, role auth.Role) error {
	return administer(ctx, db, typed, func(tx *auth.SessionTx, account int64, at time.Time) error {
		if found, err := lockUser(tx.Tx, account); err != nil || !found {
			return cmp.Or[error](err, errNotFound)
		}
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
		if err := voidResets(tx.Tx, account); err != nil {
			return err
		}
		return events.Append(tx.Tx, event.Event{Type: eventPasswordReset, Subject: account, At: httpapi.Timestamp{Time: at}})
	})
}

// administer runs fn in a transaction with the account that has a name. It returns ErrNoAccount if there is none, or if fn
// returns errNotFound.
func administer(
	ctx context.Context, db *database.DB, typed string, fn func(tx *auth.SessionTx, account int64, at time.Time) error,
) error {
	var name username
	if name.UnmarshalText([]byte(typed)) != nil {
		return ErrNoAccount
	}
	s := &store{db: db, sessions: auth.NewSessions(auth.SessionConfig{DB: db})}
	stored, err := s.credentials(ctx, name)
	if err == nil {
		err = s.sessions.Write(ctx, func(tx *auth.SessionTx) error { return fn(tx, stored.id, s.sessions.Now()) })
	}
	if errors.Is(err, errNotFound) {
		return ErrNoAccount
	}
	return err
}

// Restored prepares a database that was restored from a backup, with its tables up to date: no token, session or link from
// before is good for it.
func Restored(ctx context.Context, db *database.DB) error {
	if _, err := db.Exec(ctx, `UPDATE password_resets SET expires_at = 0 WHERE expires_at > 0`); err != nil {
		return fmt.Errorf("void password resets: %w", err)
	}
	return auth.NewIssuer(ctx, db)
}
