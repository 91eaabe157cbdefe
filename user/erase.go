package user

import (
	"context"
	"fmt"

	"userorder/auth"
	"userorder/database"
	"userorder/event"
)

// export is all that the module keeps of an account.
type export struct {
	Account  managed        `json:"account"`
	Sessions []shownSession `json:"sessions"`
	Events   []event.Event  `json:"events"` // the oldest first
}

// export returns all that is kept of the caller, or errNotFound. The address of another account that has done something
// to it is that person's.
func (s *service) export(ctx context.Context, caller auth.Caller) (e export, err error) {
	if e.Account, err = s.store.managedByID(ctx, caller.UserID); err != nil {
		return export{}, err
	}
	if e.Sessions, err = s.sessions(ctx, caller); err != nil {
		return export{}, err
	}
	const page = 1000
	e.Events = []event.Event{}
	for last, more := int64(0), true; more; {
		events, err := events.Page(ctx, s.store.db, caller.UserID, last, page)
		if err != nil {
			return export{}, err
		}
		for _, event := range events {
			if event.Actor != 0 && event.Actor != caller.UserID {
				event.Address = ""
			}
			e.Events = append(e.Events, event)
		}
		if more = len(events) == page; more {
			last = events[page-1].ID
		}
	}
	return e, nil
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
