package auth

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"userorder/database"
)

//go:embed migrations
var migrations embed.FS

const (
	// grace is how long a refresh token that was used is answered with its successor again, because the answer may have
	// been lost.
	grace = 30 * time.Second

	// maxSessions is how many sessions an account has at most.
	maxSessions = 100
)

// Session is a login that goes on until it is ended, or until it has not been refreshed for the TTL of Sessions.
type Session struct {
	ID          int64
	UserID      int64
	Role        Role // as of the login: a change of the role ends the session
	Counter     int64
	CreatedAt   time.Time
	RefreshedAt time.Time // or created, or renewed
	ExpiresAt   time.Time
	Client      string // User-Agent
	Address     string
}

// Caller returns the caller that the tokens of the session name.
func (s Session) Caller() Caller { return Caller{UserID: s.UserID, Role: s.Role, SessionID: s.ID} }

var (
	// ErrSession means that there is no such session, or that it has ended, or that a refresh token of it is void.
	ErrSession = refuse(ended, "the session has ended")

	// ErrReused means that a refresh token was used again after its successor: somebody else has one of the two. The
	// session must be ended.
	ErrReused = fmt.Errorf("a refresh token was used twice: %w", ErrSession)
)

// Tables returns the tables that a copy of the sessions consists of.
func Tables() []database.Table {
	return []database.Table{
		{Name: "sessions", Columns: []string{
			"id", "user_id", "role", "counter", "minimum", "created_at", "refreshed_at", "expires_at", "tokens_until", "client", "address",
		}, Identity: true},
		{Name: "ended_sessions", Columns: []string{"id", "session_id", "tokens_until"}, Identity: true},
		{Name: "token_issuer", Columns: []string{"id", "issuer"}},
	}
}

// Migrate brings the tables of the sessions up to date.
func Migrate(ctx context.Context, db *database.DB) error { return db.Migrate(ctx, "auth", migrations) }

// SessionConfig configures NewSessions.
type SessionConfig struct {
	DB       *database.DB  // that of the accounts, after Migrate
	TTL      time.Duration // from the last login or refresh
	TokenTTL time.Duration
	Ended    *Ended           // learns at once which sessions end; may be nil
	Now      func() time.Time // nil is time.Now
}

// Sessions keeps the sessions of all accounts in their database. It is safe for concurrent use.
type Sessions struct {
	SessionConfig

	// By Sweep alone: the id up to which it has looked, and how many pieces that were.
	swept int64
	walks int
}

// NewSessions returns the sessions in a database.
func NewSessions(cfg SessionConfig) *Sessions {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Sessions{SessionConfig: cfg}
}

// Refresh returns what Grant needs of the session of a refresh token, with the counter of the token's successor. Of any number of calls
// with one token all return the same counter, until 30 s after the first. The error is ErrSession, ErrReused or that
// of the database, after which the token is as good as before.
func (s *Sessions) Refresh(ctx context.Context, token RefreshToken) (Session, error) {
	now := s.Now()
	session, err := s.rotate(ctx, token, now)
	if !errors.Is(err, sql.ErrNoRows) {
		return session, err
	}
	session, minimum, err := s.byID(ctx, token.SessionID)
	switch {
	case err != nil:
		return Session{}, err
	case !session.ExpiresAt.After(now), token.Counter < minimum, session.UserID != token.UserID:
		return Session{}, ErrSession
	case session.Counter == token.Counter+1 && now.Sub(session.RefreshedAt) <= grace:
		return session, nil
	}
	return session, ErrReused
}

const columns = `id, user_id, role, counter, created_at, refreshed_at, expires_at, client, address`

// rotate makes the successor of a refresh token, or returns sql.ErrNoRows if the token is not the last one of a session
// that goes on. A token of a higher counter than that of the row is good: the database has lost some commits since.
// For the same reason another account may have the session's id by now. Of the session rotate returns what Grant needs.
func (s *Sessions) rotate(ctx context.Context, token RefreshToken, now time.Time) (Session, error) {
	const query = `
		UPDATE sessions SET counter = $1, refreshed_at = $2, expires_at = $3,
			tokens_until = CASE WHEN tokens_until > $4 THEN tokens_until ELSE $4 END
		WHERE id = $5 AND user_id = $6 AND counter < $1 AND expires_at > $2
		RETURNING role`
	rotated := Session{
		ID: token.SessionID, UserID: token.UserID, Counter: token.Counter + 1, RefreshedAt: now, ExpiresAt: now.Add(s.TTL),
	}
	err := s.DB.ExecRow(ctx, query, rotated.Counter, now.UnixMilli(), rotated.ExpiresAt.UnixMilli(),
		s.tokensUntil(now, rotated.ExpiresAt), token.SessionID, token.UserID).Scan((*string)(&rotated.Role))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Session{}, fmt.Errorf("refresh session: %w", err)
	}
	return rotated, err
}

// tokensUntil returns when the last token of a session is invalid that is issued before the next refresh. One that was
// issued before may be valid for longer, if the life of tokens was shortened since.
func (s *Sessions) tokensUntil(now, expires time.Time) (milliseconds int64) {
	return min(now.Add(s.TokenTTL+grace).UnixMilli(), expires.UnixMilli())
}

// byID returns a session and the lowest counter of its refresh tokens, or ErrSession.
func (s *Sessions) byID(ctx context.Context, id int64) (session Session, minimum int64, err error) {
	const query = `SELECT ` + columns + `, minimum FROM sessions WHERE id = $1`
	session, err = readSession(s.DB.QueryRow(ctx, query, id), &minimum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Session{}, 0, ErrSession
	case err != nil:
		return Session{}, 0, fmt.Errorf("select session: %w", err)
	}
	return session, minimum, nil
}

// List returns the sessions of an account that go on, the newest first.
func (s *Sessions) List(ctx context.Context, userID int64) ([]Session, error) {
	const query = `SELECT ` + columns + ` FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT $3`
	read := func(row *database.Row) (Session, error) { return readSession(row) }
	sessions, err := database.Collect(ctx, s.DB, read, query, userID, s.Now().UnixMilli(), maxSessions)
	if err != nil {
		return nil, fmt.Errorf("select sessions: %w", err)
	}
	return sessions, nil
}

// readSession reads the columns of a row, and those that follow them into more.
func readSession(row *database.Row, more ...any) (s Session, err error) {
	var created, refreshed, expires int64
	err = row.Scan(append([]any{
		&s.ID, &s.UserID, (*string)(&s.Role), &s.Counter, &created, &refreshed, &expires, &s.Client, &s.Address,
	}, more...)...)
	s.CreatedAt, s.RefreshedAt, s.ExpiresAt = time.UnixMilli(created), time.UnixMilli(refreshed), time.UnixMilli(expires)
	return s, err
}

const (
	// sweepSize and walkSize are the numbers of rows that Sweep deletes, and looks at, at once. On SQLite other writes wait
	// for those that it deletes.
	sweepSize, walkSize = 200, 500

	// maxWalks is how many pieces Sweep looks at before it rests.
	maxWalks = 20
)

// Sweep deletes expired sessions, and ended ones whose tokens have expired. It goes through the sessions by their ids,
// some thousands a minute, since an index on expires_at would have to be changed by every refresh. It reports whether there
// is more to do now.
func (s *Sessions) Sweep(ctx context.Context) (more bool, err error) {
	const ended = `
		DELETE FROM ended_sessions WHERE tokens_until < $1 AND id <=
			(SELECT max(id) FROM (SELECT id FROM ended_sessions ORDER BY id LIMIT $2) AS piece)`
	const last = `SELECT coalesce(max(id), 0), count(*) FROM (SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT $2) AS piece`
	const expired = `DELETE FROM sessions WHERE id > $1 AND id <= $2 AND expires_at <= $3`
	now := s.Now().UnixMilli()
	rows, err := s.DB.Exec(ctx, ended, now, sweepSize)
	if err != nil {
		return false, fmt.Errorf("delete ended sessions: %w", err)
	}
	var to, count int64
	if err := s.DB.QueryRow(ctx, last, s.swept, walkSize).Scan(&to, &count); err != nil {
		return false, fmt.Errorf("select sessions: %w", err)
	}
	if to > 0 {
		if _, err := s.DB.Exec(ctx, expired, s.swept, to, now); err != nil {
			return false, fmt.Errorf("delete expired sessions: %w", err)
		}
	}
	if s.swept, s.walks = to, s.walks+1; count < walkSize {
		s.swept, s.walks = 0, 0 // begins again
	}
	rest := s.walks%maxWalks == 0
	return rows == sweepSize || !rest, nil
}
