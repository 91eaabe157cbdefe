package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
)

// SessionTx is a transaction that may begin and end sessions besides what its caller does.
type SessionTx struct {
	*database.Tx
	sessions *Sessions
	now      time.Time
	ended    []endedSession
}

// Write runs fn in a transaction of the accounts' database, by the rules of database.DB.Write. Once the transaction is on
// disk, the tokens of the sessions that fn has ended are refused by this process, and within 2 s by all others.
func (s *Sessions) Write(ctx context.Context, fn func(tx *SessionTx) error) error {
	var ended []endedSession
	err := s.DB.Write(ctx, func(dbtx *database.Tx) error {
		tx := &SessionTx{Tx: dbtx, sessions: s, now: s.Now()}
		err := fn(tx)
		ended = tx.ended
		return err
	})
	if err == nil {
		s.Ended.add(ended)
	}
	return err
}

// Begin begins a session of an account. If the account has more than 100 then, it ends the one whose last login or refresh
// is longest ago. The account's row must be locked: another Begin must not count the sessions meanwhile.
func (tx *SessionTx) Begin(userID int64, role Role, client, address string) (Session, error) {
	const query = `
		INSERT INTO sessions (user_id, role, counter, minimum, created_at, refreshed_at, expires_at, tokens_until, client, address)
		VALUES ($1, $2, 0, 0, $3, $3, $4, $5, $6, $7)`
	const surplus = `
		DELETE FROM sessions WHERE id IN
			(SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 ORDER BY refreshed_at DESC, id DESC LIMIT 1000 OFFSET $3)
		RETURNING id, tokens_until, expires_at`
	expires := tx.now.Add(tx.sessions.TTL)
	s := Session{
		UserID: userID, Role: role, Client: client, Address: address,
		CreatedAt: tx.now, RefreshedAt: tx.now, ExpiresAt: expires,
	}
	var err error
	s.ID, err = tx.Insert(query, userID, string(role), tx.now.UnixMilli(), expires.UnixMilli(),
		tx.sessions.tokensUntil(tx.now, expires), client, address)
	if err != nil {
		return Session{}, fmt.Errorf("insert session: %w", err)
	}
	_, err = tx.end(surplus, userID, s.ID, maxSessions-1)
	return s, err
}

// Renew makes a new refresh token of a session of an account and voids those before it, or returns ErrSession.
func (tx *SessionTx) Renew(userID, id int64) (Session, error) {
	const query = `
		UPDATE sessions SET counter = counter + 1, minimum = counter + 1, refreshed_at = $1, expires_at = $2,
			tokens_until = CASE WHEN tokens_until > $3 THEN tokens_until ELSE $3 END
		WHERE id = $4 AND user_id = $5 AND expires_at > $1
		RETURNING ` + columns
	expires := tx.now.Add(tx.sessions.TTL)
	s, err := readSession(tx.QueryRow(query,
		tx.now.UnixMilli(), expires.UnixMilli(), tx.sessions.tokensUntil(tx.now, expires), id, userID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Session{}, ErrSession
	case err != nil:
		return Session{}, fmt.Errorf("renew session: %w", err)
	}
	return s, nil
}

// End ends a session of an account, and returns how many went on: 1 or 0.
func (tx *SessionTx) End(userID, id int64) (ended int, err error) {
	const query = `DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING id, tokens_until, expires_at`
	return tx.end(query, id, userID)
}

// EndAll ends all sessions of an account but one, and returns how many. Except may be 0.
func (tx *SessionTx) EndAll(userID, except int64) (ended int, err error) {
	const query = `DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id, tokens_until, expires_at`
	return tx.end(query, userID, except)
}

// end runs a statement that deletes sessions, and lists those that may have valid tokens. It returns how many had not
// expired.
func (tx *SessionTx) end(query string, args ...any) (ended int, err error) {
	const list = `INSERT INTO ended_sessions (session_id, tokens_until) VALUES ($1, $2)`
	now := tx.now.UnixMilli()
	deleted, err := database.CollectTx(tx.Tx, func(row *database.Row) (s endedSession, err error) {
		var expires int64
		if err = row.Scan(&s.id, &s.until, &expires); expires > now {
			ended++
		}
		return s, err
	}, query, args...)
	if err != nil {
		return 0, fmt.Errorf("delete sessions: %w", err)
	}
	for _, session := range deleted {
		if session.until <= now {
			continue
		}
		if _, err := tx.Exec(list, session.id, session.until); err != nil {
			return 0, fmt.Errorf("insert ended session: %w", err)
		}
		tx.ended = append(tx.ended, session)
	}
	return ended, nil
}
