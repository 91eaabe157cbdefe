package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"userorder/database"
)

const (
	// settleTime is longer than any transaction takes: a row whose id was given out before that is committed, or never
	// will be. Ids are not committed in their order on PostgreSQL.
	settleTime = 10 * time.Second

	// staleAfter is how long the list may not have been read before it counts as stale.
	staleAfter = 10 * time.Second
)

// endedSession is a session whose tokens are refused, and when the last of them expires.
type endedSession struct {
	id    int64
	until int64 // milliseconds since 1970
}

// Ended holds in memory which sessions have ended while tokens of theirs are valid, so that a request need not ask the
// database, and the issuer of the database. It takes some 50 bytes a session. It is safe for concurrent use; a nil Ended
// holds none.
type Ended struct {
	db  *database.DB
	now func() time.Time

	mu     sync.RWMutex
	issuer string
	until  map[int64]int64 // by session
	readAt time.Time
	purged time.Time

	// The following belong to Read. All rows up to settled were read for good, and those up to pending when pendingSince.
	next, settled, pending int64
	pendingSince           time.Time
	began                  time.Time // of the first page; zero between two rounds
}

// LoadEnded reads the list of ended sessions from the accounts' database, after Migrate and EnsureIssuer. The error wraps
// sql.ErrNoRows if the database has no issuer yet. Now may be nil.
func LoadEnded(ctx context.Context, db *database.DB, now func() time.Time) (*Ended, error) {
	if now == nil {
		now = time.Now
	}
	issuer, err := readIssuer(ctx, db)
	if err != nil {
		return nil, err
	}
	e := &Ended{db: db, now: now, issuer: issuer, until: map[int64]int64{}}
	for more := true; more; {
		if more, err = e.Read(ctx); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Read reads up to 1,000 rows that are new in the list, and reports whether there may be more. A job calls it every second.
// It must not run twice at once.
func (e *Ended) Read(ctx context.Context) (more bool, err error) {
	const query = `SELECT id, session_id, tokens_until FROM ended_sessions WHERE id > $1 ORDER BY id LIMIT $2`
	const page = 1000
	if e.began.IsZero() {
		e.began = e.now()
		if err := e.follow(ctx); err != nil {
			e.began = time.Time{}
			return false, err
		}
	}
	last := e.next
	sessions, err := database.Collect(ctx, e.db, func(row *database.Row) (s endedSession, err error) {
		err = row.Scan(&last, &s.id, &s.until)
		return s, err
	}, query, e.next, page)
	if err != nil {
		e.began = time.Time{}
		return false, fmt.Errorf("select ended sessions: %w", err)
	}
	e.add(sessions)
	if e.next = last; len(sessions) == page {
		return true, nil
	}
	if e.began.Sub(e.pendingSince) >= settleTime {
		e.settled, e.pending, e.pendingSince = e.pending, last, e.began
	}
	e.next = e.settled
	e.done(e.began)
	e.began = time.Time{}
	return false, nil
}

// errReplaced is for the log: nobody else would tell that a restore has logged everybody out.
var errReplaced = errors.New("the accounts' database was replaced: tokens from before are refused from now on")

// follow looks whether there is another database where the accounts' was, as a restore beside this process leaves it. It
// then begins anew with that one, and returns errReplaced once.
func (e *Ended) follow(ctx context.Context) error {
	issuer, err := readIssuer(ctx, e.db)
	if err != nil || issuer == e.Issuer() {
		return err
	}
	e.next, e.settled, e.pending = 0, 0, 0
	e.mu.Lock()
	defer e.mu.Unlock()
	e.issuer, e.until = issuer, map[int64]int64{}
	return errReplaced
}

// Issuer returns the iss of tokens for the database, "" for a nil Ended.
func (e *Ended) Issuer() string {
	if e == nil {
		return ""
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.issuer
}

// done records that all of the list was read, and once a minute forgets the sessions whose tokens have expired.
func (e *Ended) done(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.readAt = at
	if at.Sub(e.purged) < time.Minute {
		return
	}
	e.purged = at
	for id, until := range e.until {
		if until <= at.UnixMilli() {
			delete(e.until, id)
		}
	}
}

func (e *Ended) add(sessions []endedSession) {
	if e == nil || len(sessions) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range sessions {
		e.until[s.id] = s.until
	}
}

// check makes the checks of a token that depend on the accounts' database, if that is known.
func (e *Ended) check(v verified) error {
	if e == nil {
		return nil
	}
	e.mu.RLock()
	issuer := e.issuer
	_, over := e.until[v.caller.SessionID]
	e.mu.RUnlock()
	switch {
	case v.issued && v.issuer != issuer:
		return refuse(unsupported, "iss names another database")
	case over:
		return refuse(ended, "the session %d has ended", v.caller.SessionID)
	}
	return nil
}

// Check returns an error if the list has not been read for 10 s, so that tokens of sessions that other processes have
// ended since may be taken for good until they expire.
func (e *Ended) Check() error {
	if e == nil {
		return nil
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if since := e.now().Sub(e.readAt); since > staleAfter {
		return fmt.Errorf("the list of ended sessions has not been read for %s", since.Round(time.Second))
	}
	return nil
}

// Len returns how many sessions the list holds.
func (e *Ended) Len() int {
	if e == nil {
		return 0
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.until)
}
