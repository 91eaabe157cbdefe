package auth_test

import (
	"crypto/sha256"
	"database/sql"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
)

func TestADatabaseOfAccountsHasOneIssuerThatIsRandom(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, auth.Migrate(t.Context(), db))
		_, err := auth.ReadIssuer(t.Context(), db)
		require.ErrorIs(t, err, sql.ErrNoRows)
		var mu sync.Mutex
		issuers := map[string]bool{}
		var group sync.WaitGroup
		for range 8 { // replicas that start together
			group.Go(func() {
				issuer, err := auth.LoadIssuer(t.Context(), db)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				issuers[issuer] = true
			})
		}
		group.Wait()
		require.Len(t, issuers, 1)
		read, err := auth.ReadIssuer(t.Context(), db)
		require.NoError(t, err)
		require.True(t, issuers[read])
		require.Len(t, read, 26)

		s := sessionsOn(t, db, nil)
		access := s.begin(t)
		require.NoError(t, auth.NewIssuer(t.Context(), db))
		again := sessionsOn(t, db, s.clock)
		_, err = again.tokens.Verify(access.Token)
		require.ErrorContains(t, err, "iss names another database")
		_, err = again.tokens.ParseRefresh(access.RefreshToken)
		require.ErrorContains(t, err, "invalid signature")
		sessions, err := again.List(t.Context(), 7)
		require.NoError(t, err)
		require.Empty(t, sessions, "sessions that nobody can use any more")
	})
}

func TestATokenOfAnotherDatabaseIsRefused(t *testing.T) {
	ours := newTokens(t, auth.Config{Issuer: "ours"})
	any := newTokens(t, auth.Config{})
	for claims, want := range map[string]string{
		`{"sub":"7","exp":1800003600}`:                "", // of another holder of the secret
		`{"sub":"7","exp":1800003600,"iss":"ours"}`:   "",
		`{"sub":"7","exp":1800003600,"iss":"theirs"}`: "iss names another database",
		`{"sub":"7","exp":1800003600,"iss":""}`:       "iss names another database",
		`{"sub":"7","exp":1800003600,"iss":null}`:     "iss names another database",
		`{"sub":"7","exp":1800003600,"iss":7}`:        "cannot unmarshal",
	} {
		token := sign(sha256.New, secret, hs256, claims)
		_, err := ours.Verify(token)
		if want == "" {
			require.NoError(t, err, claims)
		} else {
			require.ErrorContains(t, err, want, claims)
		}
		if want != "cannot unmarshal" {
			_, err = any.Verify(token)
			require.NoError(t, err, "a process that knows no accounts takes any: %s", claims)
		}
	}
}
