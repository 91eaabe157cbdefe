package user

import (
	"context"
	"encoding/json"
	"fmt"

	"userorder/auth"
	"userorder/database"
)

// export writes all that is kept of the caller as a JSON object, piece by piece: there may be millions of events. It returns
// errNotFound. The address of another account that has done something to the caller's is that person's, and left out.
func (s *service) export(ctx context.Context, caller auth.Caller, write func([]byte)) error {
	var head struct {
		Account  managed        `json:"account"`
		Sessions []shownSession `json:"sessions"`
	}
	var err error
	if head.Account, err = s.store.managedByID(ctx, caller.UserID); err != nil {
		return err
	}
	if head.Sessions, err = s.sessions(ctx, caller); err != nil {
		return err
	}
	const page = 1000
	list, err := events.Page(ctx, s.store.db, caller.UserID, 0, page)
	if err != nil {
		return err
	}
	begin, err := json.Marshal(head)
	if err != nil {
		return err
	}
	write(append(begin[:len(begin)-1], `,"events":[`...))
	for separator := ""; len(list) > 0; separator = "," {
		for i := range list {
			if actor := list[i].Actor; actor != 0 && actor != caller.UserID {
				list[i].Address = ""
			}
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		write(append([]byte(separator), text[1:len(text)-1]...))
		if list, err = events.Page(ctx, s.store.db, caller.UserID, list[len(list)-1].ID, page); err != nil {
			return err
		}
	}
	write([]byte("]}"))
	return nil
}

// erase removes an account and all that is kept of the person. What was ordered keeps the number, which is never given out
// again. The error is errPassword, errTooManyFailures, errBusy, errNotFound, errDisabled, or errLastStaff.
func (s *service) erase(ctx context.Context, from client, account int64, plain string) error {
	stored, name, err := s.checkOf(ctx, from, account, plain)
	if err != nil {
		return err
	}
	return s.store.erase(ctx, account, stored.hash, name, from)
}

// erase removes an account whose password hash is still hash.
func (s *store) erase(ctx context.Context, account int64, hash string, name username, from client) error {
	// Locks all of them: two must not both count the other one and leave. The literal is that of the index.
	const lockStaff = `UPDATE users SET role = role WHERE role = 'staff' AND disabled_at = 0`
	at := s.sessions.Now()
	leave := func(tx *auth.SessionTx) error {
		role, err := lockOwn(tx, account, hash, hash)
		if err != nil || role != auth.Staff {
			return err
		}
		switch count, err := tx.Exec(lockStaff); {
		case err != nil:
			return fmt.Errorf("lock staff: %w", err)
		case count < 2:
			return errLastStaff
		}
		return nil
	}
	if err := s.sessions.Write(ctx, leave); err != nil { // before anything is removed
		return err
	}
	last, err := events.Forget(ctx, s.db, account)
	if err != nil {
		return err
	}
	return s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		if err := forgetAllFailures(tx.Tx, name); err != nil {
			return err
		}
		if err := leave(tx); err != nil {
			return err
		}
		if _, err := tx.EndAll(account, 0); err != nil {
			return err
		}
		if err := eraseRows(tx.Tx, account); err != nil {
			return err
		}
		if err := events.ForgetRest(tx.Tx, account, last); err != nil {
			return err
		}
		erasure := from.did(eventErased, account, at)
		erasure.Address = ""
		return events.Append(tx.Tx, erasure)
	})
}

func eraseRows(tx *database.Tx, account int64) error {
	for _, query := range []string{
		`DELETE FROM password_resets WHERE user_id = $1`,
		`DELETE FROM users WHERE id = $1`,
	} {
		if _, err := tx.Exec(query, account); err != nil {
			return fmt.Errorf("erase account: %w", err)
		}
	}
	return forgetAddresses(tx, account)
}
