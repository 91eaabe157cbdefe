package auth_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
)

// store is the sessions of a database, the tokens for it, and a clock that a test sets.
type store struct {
	*auth.Sessions
	tokens *auth.Tokens
	ended  *auth.Ended
	clock  *atomic.Int64 // milliseconds since 1970
}

func (s store) advance(by time.Duration) { s.clock.Add(by.Milliseconds()) }

// sessionsOn returns a process with the database; of several with one clock each is a replica.
func sessionsOn(t *testing.T, db *database.DB, clock *atomic.Int64) store {
	t.Helper()
	if clock == nil {
		clock = &atomic.Int64{}
		clock.Store(now.UnixMilli())
	}
	read := func() time.Time { return time.UnixMilli(clock.Load()) }
	require.NoError(t, auth.Migrate(t.Context(), db))
	require.NoError(t, auth.EnsureIssuer(t.Context(), db))
	ended, err := auth.LoadEnded(t.Context(), db, read)
	require.NoError(t, err)
	tokens, err := auth.NewTokens(auth.Config{Secret: secret, TTL: time.Hour, Ended: ended, Now: read})
	require.NoError(t, err)
	return store{auth.NewSessions(auth.SessionConfig{
		DB: db, TTL: 30 * 24 * time.Hour, TokenTTL: time.Hour, Ended: ended, Now: read,
	}), tokens, ended, clock}
}

// begin begins a session of user 7.
func (s store) begin(t *testing.T) auth.Access {
	t.Helper()
	var session auth.Session
	require.NoError(t, s.Write(t.Context(), func(tx *auth.SessionTx) (err error) {
		session, err = tx.Begin(7, auth.Customer, "curl", "192.0.2.1")
		return err
	}))
	access, err := s.tokens.Grant(session)
	require.NoError(t, err)
	return access
}

// refresh returns what a refresh token is worth.
func (s store) refresh(t *testing.T, text string) (auth.Access, error) {
	t.Helper()
	token, err := s.tokens.ParseRefresh(text)
	require.NoError(t, err)
	session, err := s.Refresh(t.Context(), token)
	if err != nil {
		return auth.Access{}, err
	}
	return s.tokens.Grant(session)
}

func (s store) mustRefresh(t *testing.T, text string) string {
	t.Helper()
	access, err := s.refresh(t, text)
	require.NoError(t, err)
	return access.RefreshToken
}

func TestARefreshTokenIsReplacedAndItsPredecessorHasTheSameSuccessorFor30Seconds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		first := s.begin(t).RefreshToken
		s.advance(time.Hour)
		second := s.mustRefresh(t, first)
		require.NotEqual(t, first, second)
		for range 3 {
			s.advance(10 * time.Second) // the 30 s run from the first use
			require.Equal(t, second, s.mustRefresh(t, first), "an answer that was lost")
		}
		third := s.mustRefresh(t, second)
		require.Equal(t, third, s.mustRefresh(t, second))
		s.advance(time.Millisecond + 30*time.Second)
		_, err := s.refresh(t, second)
		require.ErrorIs(t, err, auth.ErrReused)
	})
}

func TestARefreshTokenBeforeThePredecessorIsReuseAlsoWithin30Seconds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		first := s.begin(t).RefreshToken
		s.mustRefresh(t, s.mustRefresh(t, first))
		_, err := s.refresh(t, first)
		require.ErrorIs(t, err, auth.ErrReused)
	})
}

func TestManyRefreshesOfOneTokenAtOnceOverReplicasGetOneSuccessor(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		one := sessionsOn(t, db, nil)
		replicas := []store{one, sessionsOn(t, db, one.clock), sessionsOn(t, db, one.clock)}
		token := one.begin(t).RefreshToken
		for range 10 {
			var mu sync.Mutex
			successors := map[string]int{}
			var group sync.WaitGroup
			for n := range 16 {
				group.Go(func() {
					access, err := replicas[n%3].refresh(t, token)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					successors[access.RefreshToken]++
				})
			}
			group.Wait()
			require.Len(t, successors, 1)
			for successor := range successors {
				token = successor
			}
		}
	})
}

func TestASessionEndsAfterItsTTLAndItsTokensWithIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		access := s.begin(t)
		require.EqualValues(t, 3600, access.ExpiresIn)
		require.EqualValues(t, 30*24*3600, access.RefreshExpiresIn)
		s.advance(30*24*time.Hour - time.Millisecond)
		token := s.mustRefresh(t, access.RefreshToken)
		s.advance(30*24*time.Hour - time.Minute)
		late, err := s.refresh(t, token)
		require.NoError(t, err)
		s.advance(30 * 24 * time.Hour)
		_, err = s.refresh(t, late.RefreshToken)
		require.ErrorIs(t, err, auth.ErrSession)
		require.NotErrorIs(t, err, auth.ErrReused)
		sessions, err := s.List(t.Context(), 7)
		require.NoError(t, err)
		require.Empty(t, sessions)
	})
}

func TestATokenDoesNotOutliveItsSession(t *testing.T) {
	s := sessionsOn(t, databasetest.Open(t, databasetest.SQLite(t)), nil)
	access, err := s.tokens.Grant(auth.Session{ID: 1, UserID: 7, ExpiresAt: time.UnixMilli(s.clock.Load()).Add(time.Minute)})
	require.NoError(t, err)
	require.EqualValues(t, 60, access.ExpiresIn)
	require.EqualValues(t, 60, access.RefreshExpiresIn)
	_, err = s.tokens.Verify(access.Token)
	require.NoError(t, err)
	s.advance(time.Minute)
	_, err = s.tokens.Verify(access.Token)
	require.ErrorContains(t, err, "expired")
}

func TestTokensOfAnEndedSessionAreRefusedHereAtOnceAndElsewhereAfterARead(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		here := sessionsOn(t, db, nil)
		there := sessionsOn(t, db, here.clock)
		access, other := here.begin(t), here.begin(t)
		caller, err := there.tokens.Verify(access.Token)
		require.NoError(t, err)
		require.Positive(t, caller.SessionID)
		require.NoError(t, here.Write(t.Context(), func(tx *auth.SessionTx) error {
			count, err := tx.End(8, caller.SessionID)
			require.Zero(t, count, "it is another user's")
			if err == nil {
				count, err = tx.End(7, caller.SessionID)
				require.Equal(t, 1, count)
			}
			return err
		}))
		_, err = here.tokens.Verify(access.Token)
		require.ErrorContains(t, err, "has ended")
		_, err = there.tokens.Verify(access.Token)
		require.NoError(t, err, "it has not read the list yet")
		more, err := there.ended.Read(t.Context())
		require.NoError(t, err)
		require.False(t, more)
		_, err = there.tokens.Verify(access.Token)
		require.ErrorContains(t, err, "has ended")
		_, err = sessionsOn(t, db, here.clock).tokens.Verify(access.Token)
		require.ErrorContains(t, err, "has ended", "a process that has started since")
		_, err = there.tokens.Verify(other.Token)
		require.NoError(t, err, "another session")
		_, err = here.refresh(t, access.RefreshToken)
		require.ErrorIs(t, err, auth.ErrSession)
	})
}

func TestATransactionThatIsRolledBackEndsNoSession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		access := s.begin(t)
		failure := errors.New("a failure")
		require.ErrorIs(t, s.Write(t.Context(), func(tx *auth.SessionTx) error {
			count, err := tx.EndAll(7, 0)
			require.NoError(t, err)
			require.Equal(t, 1, count)
			return failure
		}), failure)
		_, err := s.tokens.Verify(access.Token)
		require.NoError(t, err)
		s.mustRefresh(t, access.RefreshToken)
	})
}

func TestRenewVoidsARefreshTokenWithoutEndingTheSession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		access := s.begin(t)
		caller, err := s.tokens.Verify(access.Token)
		require.NoError(t, err)
		var renewed auth.Session
		require.NoError(t, s.Write(t.Context(), func(tx *auth.SessionTx) (err error) {
			renewed, err = tx.Renew(7, caller.SessionID)
			return err
		}))
		granted, err := s.tokens.Grant(renewed)
		require.NoError(t, err)
		_, err = s.refresh(t, access.RefreshToken)
		require.ErrorIs(t, err, auth.ErrSession)
		require.NotErrorIs(t, err, auth.ErrReused, "whoever has only missed the change must not end the session")
		next := s.mustRefresh(t, granted.RefreshToken)
		require.Equal(t, next, s.mustRefresh(t, granted.RefreshToken))
		require.ErrorIs(t, s.Write(t.Context(), func(tx *auth.SessionTx) error {
			_, err := tx.Renew(8, caller.SessionID)
			return err
		}), auth.ErrSession, "it is another user's")
	})
}

func TestAnAccountHasAtMost100SessionsAndTheLeastRecentlyUsedEnds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		first, second := s.begin(t), s.begin(t)
		for range 98 {
			s.advance(time.Second)
			s.begin(t)
		}
		s.mustRefresh(t, first.RefreshToken)
		s.begin(t) // the 101st
		sessions, err := s.List(t.Context(), 7)
		require.NoError(t, err)
		require.Len(t, sessions, 100)
		require.Greater(t, sessions[0].ID, sessions[1].ID, "the newest first")
		_, err = s.tokens.Verify(first.Token)
		require.NoError(t, err)
		_, err = s.tokens.Verify(second.Token)
		require.ErrorContains(t, err, "has ended")
	})
}

// A database that fails over, or is restored by hand, may have lost the last refreshes: their tokens are the newest.
func TestARefreshTokenThatIsNewerThanTheDatabaseIsGood(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		token := s.begin(t).RefreshToken
		for range 3 {
			token = s.mustRefresh(t, token)
		}
		_, err := db.Exec(t.Context(), "UPDATE sessions SET counter = 1")
		require.NoError(t, err)
		next := s.mustRefresh(t, token)
		require.Equal(t, next, s.mustRefresh(t, token))
	})
}

func TestAnOutageLeavesARefreshTokenGood(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		s := sessionsOn(t, db, nil)
		token := s.begin(t).RefreshToken
		require.NoError(t, db.Close())
		_, err = s.refresh(t, token)
		require.ErrorIs(t, err, database.ErrUnavailable)
		require.NotErrorIs(t, err, auth.ErrSession)
		sessionsOn(t, databasetest.Open(t, url), s.clock).mustRefresh(t, token)
	})
}

func TestTheSweepDeletesWhatHasExpiredAndNothingElse(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		for range 600 {
			_, err := db.Exec(t.Context(), `
				INSERT INTO sessions (user_id, role, counter, minimum, created_at, refreshed_at, expires_at, tokens_until, client, address)
				VALUES (7, 'customer', 0, 0, 0, 0, 1, 1, '', '')`)
			require.NoError(t, err)
			_, err = db.Exec(t.Context(), `INSERT INTO ended_sessions (session_id, tokens_until) VALUES (1, 1)`)
			require.NoError(t, err)
		}
		kept := s.begin(t)
		s.end(t, s.begin(t).Token, func() {})
		for range 10 { // pieces, round and round
			_, err := s.Sweep(t.Context())
			require.NoError(t, err)
		}
		var sessions, list int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM ended_sessions)").Scan(&sessions, &list))
		require.Equal(t, []int{1, 1}, []int{sessions, list})
		s.mustRefresh(t, kept.RefreshToken)
		s.advance(2 * time.Hour)
		_, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM ended_sessions").Scan(&list))
		require.Zero(t, list)
	})
}

func TestTheDatabaseHoldsNoTokenThatCouldBeUsed(t *testing.T) {
	s := sessionsOn(t, databasetest.Open(t, databasetest.SQLite(t)), nil)
	access := s.begin(t)
	other, err := auth.NewTokens(auth.Config{Secret: older, TTL: time.Hour})
	require.NoError(t, err)
	_, err = other.ParseRefresh(access.RefreshToken)
	require.ErrorContains(t, err, "invalid signature", "all of the database does not make a token: the secret is not in it")
}

// A token that was issued when tokens lived longer must not become good again.
func TestATokenOfAnEndedSessionStaysRefusedAfterTheLifeOfTokensWasShortened(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		long := s.begin(t)
		s.TokenTTL = time.Second // a restart with another TOKEN_TTL
		s.mustRefresh(t, long.RefreshToken)
		s.end(t, long.Token, func() {})
		s.advance(10 * time.Minute)
		_, err := s.Sweep(t.Context())
		require.NoError(t, err)
		_, err = sessionsOn(t, db, s.clock).tokens.Verify(long.Token)
		require.ErrorContains(t, err, "has ended")
	})
}

// A database that has lost commits may give the number of a session out again.
func TestARefreshTokenNeverOpensAnotherAccountsSession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		token := s.begin(t).RefreshToken
		_, err := db.Exec(t.Context(), "UPDATE sessions SET user_id = 8")
		require.NoError(t, err)
		_, err = s.refresh(t, token)
		require.ErrorIs(t, err, auth.ErrSession)
		require.NotErrorIs(t, err, auth.ErrReused)
	})
}

func TestSessionsThatHaveExpiredAreNotCountedAsEnded(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		s.begin(t)
		s.advance(30 * 24 * time.Hour)
		s.begin(t)
		require.NoError(t, s.Write(t.Context(), func(tx *auth.SessionTx) error {
			count, err := tx.EndAll(7, 0)
			require.Equal(t, 1, count)
			return err
		}))
	})
}
