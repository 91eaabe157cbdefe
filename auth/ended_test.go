package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
)

// end ends the session of a token in a transaction that goes on until hold returns.
func (s store) end(t *testing.T, token string, hold func()) {
	caller, err := s.tokens.Verify(token)
	if err != nil {
		t.Error(err)
	}
	err = s.Write(t.Context(), func(tx *auth.SessionTx) error {
		_, err := tx.End(caller.UserID, caller.SessionID)
		hold()
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASessionThatEndsInAnOlderTransactionThanOthersIsNotMissed(t *testing.T) {
	db := databasetest.Open(t, databasetest.Postgres(t)) // SQLite has one writer
	s := sessionsOn(t, db, nil)
	reader := sessionsOn(t, db, s.clock)
	slow, quick := s.begin(t), s.begin(t)
	begun, commit, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.end(t, slow.Token, func() { close(begun); <-commit })
	}()
	<-begun
	s.end(t, quick.Token, func() {})
	for range 3 { // the list is read, with the higher number in it
		s.advance(time.Second)
		_, err := reader.ended.Read(t.Context())
		require.NoError(t, err)
	}
	_, err := reader.tokens.Verify(quick.Token)
	require.ErrorContains(t, err, "has ended")
	_, err = reader.tokens.Verify(slow.Token)
	require.NoError(t, err)
	close(commit)
	<-done
	_, err = reader.ended.Read(t.Context())
	require.NoError(t, err)
	_, err = reader.tokens.Verify(slow.Token)
	require.ErrorContains(t, err, "has ended")
}

// A reader must not read the whole list every second: it goes on behind what has settled.
func TestOnlyWhatIsNewInTheListIsRead(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		token := s.begin(t).Token
		s.end(t, token, func() {})
		reader := sessionsOn(t, db, s.clock)
		for range 3 {
			s.advance(11 * time.Second)
			_, err := reader.ended.Read(t.Context())
			require.NoError(t, err)
		}
		_, err := db.Exec(t.Context(), "UPDATE ended_sessions SET session_id = 77")
		require.NoError(t, err)
		_, err = reader.ended.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, reader.ended.Len(), "a row that has settled was read again")
	})
}

func TestALongListIsReadInPages(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := sessionsOn(t, db, nil)
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			for id := range 2500 {
				_, err := tx.Exec("INSERT INTO ended_sessions (session_id, tokens_until) VALUES ($1, $2)", id+1, now.Add(time.Hour).UnixMilli())
				if err != nil {
					return err
				}
			}
			return nil
		}))
		require.Equal(t, 2500, sessionsOn(t, db, s.clock).ended.Len())
		pages := 1
		for more := true; more; pages++ {
			var err error
			more, err = s.ended.Read(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, 2500, s.ended.Len())
		require.Equal(t, 4, pages)
	})
}

func TestEndedSessionsAreForgottenWhenTheirTokensHaveExpired(t *testing.T) {
	s := sessionsOn(t, databasetest.Open(t, databasetest.SQLite(t)), nil)
	s.end(t, s.begin(t).Token, func() {})
	require.Equal(t, 1, s.ended.Len())
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{time.Hour, 1}, {time.Minute, 0}} { // a token that a lost answer had may expire 30 s later
		s.advance(step.after)
		_, err := s.Sweep(t.Context())
		require.NoError(t, err)
		for range 2 {
			_, err = s.ended.Read(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, step.left, s.ended.Len())
	}
}

func TestAListThatCannotBeReadIsStaleAfter10Seconds(t *testing.T) {
	s := sessionsOn(t, databasetest.Open(t, databasetest.SQLite(t)), nil)
	require.NoError(t, s.ended.Check())
	s.advance(10 * time.Second)
	require.NoError(t, s.ended.Check())
	s.advance(time.Second)
	require.EqualError(t, s.ended.Check(), "the list of ended sessions has not been read for 11s")
	_, err := s.ended.Read(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.ended.Check())
}

func TestAProcessThatKnowsNoAccountsHasNoList(t *testing.T) {
	var none *auth.Ended
	require.NoError(t, none.Check())
	require.Zero(t, none.Len())
}

// BenchmarkVerifyWithEndedSessions measures what a request pays for the list of ended sessions.
func BenchmarkVerifyWithEndedSessions(b *testing.B) {
	db := databasetest.Open(b, databasetest.SQLite(b))
	require.NoError(b, auth.Migrate(b.Context(), db))
	require.NoError(b, auth.EnsureIssuer(b.Context(), db))
	require.NoError(b, db.Write(b.Context(), func(tx *database.Tx) error {
		for id := range 10_000 {
			if _, err := tx.Exec("INSERT INTO ended_sessions (session_id, tokens_until) VALUES ($1, $2)", id+2, now.Add(time.Hour).UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	}))
	ended, err := auth.LoadEnded(b.Context(), db, func() time.Time { return now })
	require.NoError(b, err)
	for name, list := range map[string]*auth.Ended{"without": nil, "with 10,000": ended} {
		b.Run(name, func(b *testing.B) {
			tokens := newTokens(b, auth.Config{Ended: list})
			token, err := tokens.Issue(auth.Caller{UserID: 7, SessionID: 1})
			require.NoError(b, err)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := tokens.Verify(token); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
