package user

import (
	"context"
	"fmt"
	"math"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/event"
	"userorder/httpapi"
)

const managedColumns = `id, username, email, role, disabled_at, created_at`

func readManaged(row *database.Row) (u managed, err error) {
	var disabledAt, createdAt int64
	err = row.Scan(&u.ID, &u.Username, &u.Email, (*string)(&u.Role), &disabledAt, &createdAt)
	u.Disabled, u.CreatedAt = disabledAt != 0, httpapi.TimestampOf(createdAt)
	return u, err
}

// managedByID returns a user, or errNotFound.
func (s *store) managedByID(ctx context.Context, id int64) (managed, error) {
	user, err := readManaged(s.db.QueryRow(ctx, `SELECT `+managedColumns+` FROM users WHERE id = $1`, id))
	if err != nil {
		return managed{}, selectError(err)
	}
	return user, nil
}

// list returns up to limit users whose ids are less than before, the newest first. 0 begins with the newest.
func (s *store) list(ctx context.Context, before int64, limit int) ([]managed, error) {
	const query = `SELECT ` + managedColumns + ` FROM users WHERE id < $1 ORDER BY id DESC LIMIT $2`
	if before == 0 {
		before = math.MaxInt64
	}
	users, err := database.Collect(ctx, s.db, readManaged, query, before, limit)
	if err != nil {
		return nil, fmt.Errorf("select users: %w", err)
	}
	return users, nil
}

// byName returns the users that a name may mean: one, or none, or more after a migration that has made two names one.
func (s *store) byName(ctx context.Context, name username) ([]managed, error) {
	const query = `SELECT ` + managedColumns + ` FROM users WHERE username_key IN ($1, $2, $3) ORDER BY id DESC LIMIT 3`
	users, err := database.Collect(ctx, s.db, readManaged, query, name.exactKey(), name.key, name.earlierKey())
	if err != nil {
		return nil, fmt.Errorf("select users: %w", err)
	}
	return users, nil
}

// update changes an account on behalf of staff. It locks both accounts: of two that demote each other at once, the second
// is not staff any more, so one stays.
func (s *store) update(ctx context.Context, staff, account int64, u update, from client) (changed managed, err error) {
	const lock = `UPDATE users SET role = role WHERE id IN ($1, $2)`
	const stillStaff = `SELECT count(*) FROM users WHERE id = $1 AND role = $2 AND disabled_at = 0`
	at := s.sessions.Now()
	err = s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		if _, err := tx.Exec(lock, staff, account); err != nil {
			return fmt.Errorf("lock users: %w", err)
		}
		var count int
		if err := tx.QueryRow(stillStaff, staff, string(auth.Staff)).Scan(&count); err != nil {
			return fmt.Errorf("select user: %w", err)
		}
		if count == 0 {
			return auth.ErrForbidden
		}
		changed, err = applyUpdate(tx, account, u, staff, from, at)
		return err
	})
	return changed, err
}

// applyUpdate changes an account, ends its sessions, and returns the user. The actor is 0 for the
// system.
func applyUpdate(tx *auth.SessionTx, account int64, u update, actor int64, from client, at time.Time) (managed, error) {
	const query = `
		UPDATE users SET role = $1, disabled_at = CASE WHEN disabled_at > 0 AND CAST($2 AS BIGINT) > 0 THEN disabled_at ELSE $2 END
		WHERE id = $3`
	user, err := readManaged(tx.QueryRow(`SELECT `+managedColumns+` FROM users WHERE id = $1`, account))
	if err != nil {
		return managed{}, selectError(err)
	}
	var happened []string
	if u.role != nil && *u.role != user.Role {
		user.Role = *u.role
		happened = append(happened, eventRoleChanged)
	}
	if u.disabled != nil && *u.disabled != user.Disabled {
		user.Disabled = *u.disabled
		if user.Disabled {
			happened = append(happened, eventDisabled)
		} else {
			happened = append(happened, eventEnabled)
		}
	}
	disabledAt := int64(0)
	if user.Disabled {
		disabledAt = at.UnixMilli()
	}
	if _, err := tx.Exec(query, string(user.Role), disabledAt, account); err != nil {
		return managed{}, fmt.Errorf("update user: %w", err)
	}
	if _, err := tx.EndAll(account, 0); err != nil {
		return managed{}, err
	}
	if err := voidResets(tx.Tx, account); err != nil {
		return managed{}, err
	}
	for _, what := range happened {
		e := event.Event{Type: what, Subject: account, Actor: actor, Address: from.address, At: httpapi.Timestamp{Time: at}}
		if err := events.Append(tx.Tx, e); err != nil {
			return managed{}, err
		}
	}
	return user, nil
}
