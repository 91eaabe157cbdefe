package user

import (
	"context"
	"errors"
	"fmt"

	"userorder/auth"
)

// changePassword replaces the password of the caller, ends all other sessions, and returns access to this one with new
// tokens, or to a new one if the caller's token has none. The error is errPassword, errTooManyFailures, errBusy,
// errNotFound, errDisabled, or one that auth.Unauthorized knows if the session has ended meanwhile.
func (s *service) changePassword(
	ctx context.Context, from client, caller auth.Caller, old string, plain password,
) (auth.Access, error) {
	stored, _, err := s.checkOf(ctx, from, caller.UserID, old)
	if err != nil {
		return auth.Access{}, err
	}
	hash, err := s.hasher.hash(ctx, from.network, string(plain))
	if err != nil {
		return auth.Access{}, err
	}
	session, err := s.store.changePassword(ctx, caller, stored.hash, hash, from)
	if err != nil {
		return auth.Access{}, err
	}
	return s.tokens.Grant(session)
}

// changeEmail replaces the e-mail address of an account. The error is errPassword, errTooManyFailures, errBusy,
// errNotFound or errDisabled.
func (s *service) changeEmail(ctx context.Context, from client, account int64, plain string, address email) error {
	stored, _, err := s.checkOf(ctx, from, account, plain)
	if err != nil {
		return err
	}
	return s.store.changeEmail(ctx, account, stored.hash, address, from)
}

// changePassword replaces the password hash old of the caller's account. The session of the caller goes on, and is begun
// if there is none; all others end. It returns errPassword if the account has another hash by now.
func (s *store) changePassword(
	ctx context.Context, caller auth.Caller, old, hash string, from client,
) (session auth.Session, err error) {
	err = s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		role, err := lockOwn(tx, caller.UserID, old, hash)
		if err != nil {
			return err
		}
		if _, err := tx.EndAll(caller.UserID, caller.SessionID); err != nil {
			return err
		}
		if caller.SessionID == 0 {
			session, err = tx.Begin(caller.UserID, role, from.agent, from.address)
		} else {
			session, err = tx.Renew(caller.UserID, caller.SessionID)
		}
		if err != nil {
			return err
		}
		if err := voidResets(tx.Tx, caller.UserID); err != nil {
			return err
		}
		return events.Append(tx.Tx, from.did(eventPasswordChanged, caller.UserID, s.sessions.Now()))
	})
	return session, err
}

// lockOwn is lockAccount for an account whose owner has given the password.
func lockOwn(tx *auth.SessionTx, account int64, old, hash string) (auth.Role, error) {
	role, err := lockAccount(tx.Tx, account, old, hash)
	if errors.Is(err, errCredentials) {
		return "", errPassword
	}
	return role, err
}

// changeEmail replaces the address of an account whose password hash is still old. A link that was mailed to the former
// address is void.
func (s *store) changeEmail(ctx context.Context, account int64, old string, address email, from client) error {
	return s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		if _, err := lockOwn(tx, account, old, old); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE users SET email = $1 WHERE id = $2`, string(address), account); err != nil {
			return fmt.Errorf("update e-mail: %w", err)
		}
		if err := voidResets(tx.Tx, account); err != nil {
			return err
		}
		return events.Append(tx.Tx, from.did(eventEmailChanged, account, s.sessions.Now()))
	})
}

// setPassword replaces the password hash of an account, whatever it is, ends all sessions, and forgets the failures of the
// account and from where it has logged in, which may have been a thief. The caller voids links that were mailed. It returns
// errNotFound.
func setPassword(tx *auth.SessionTx, account int64, hash string) error {
	var name, key string
	if err := tx.QueryRow(`SELECT username, username_key FROM users WHERE id = $1`, account).Scan(&name, &key); err != nil {
		return selectError(err)
	}
	if err := forgetAllFailures(tx.Tx, nameOf(name, key)); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE users SET password_hash = $1 WHERE id = $2`, hash, account); err != nil {
		return fmt.Errorf("update password hash: %w", err)
	}
	if _, err := tx.EndAll(account, 0); err != nil {
		return err
	}
	return forgetAddresses(tx.Tx, account)
}
