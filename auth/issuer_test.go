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
		_, err := auth.LoadEnded(t.Context(), db, nil)
		require.ErrorIs(t, err, sql.ErrNoRows)
		var group sync.WaitGroup
		for range 8 { // replicas that start together
			group.Go(func() {
				if err := auth.EnsureIssuer(t.Context(), db); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		ended, err := auth.LoadEnded(t.Context(), db, nil)
		require.NoError(t, err)
		require.Len(t, ended.Issuer(), 26)
		require.NoError(t, auth.EnsureIssuer(t.Context(), db))
		again, err := auth.LoadEnded(t.Context(), db, nil)
		require.NoError(t, err)
		require.Equal(t, ended.Issuer(), again.Issuer())

		s := sessionsOn(t, db, nil)
		access := s.begin(t)
		require.NoError(t, auth.NewIssuer(t.Context(), db))
		_, err = s.ended.Read(t.Context()) // by a process that goes on beside the restore
		require.ErrorContains(t, err, "the accounts' database was replaced")
		for _, process := range []store{s, sessionsOn(t, db, s.clock)} {
			_, err = process.tokens.Verify(access.Token)
			require.ErrorContains(t, err, "iss names another database")
			_, err = process.tokens.ParseRefresh(access.RefreshToken)
			require.ErrorContains(t, err, "invalid signature")
			sessions, err := process.List(t.Context(), 7)
			require.NoError(t, err)
			require.Empty(t, sessions, "sessions that nobody can use any more")
			_, err = process.ended.Read(t.Context())
			require.NoError(t, err)
			fresh := process.begin(t)
			_, err = s.tokens.Verify(fresh.Token)
			require.NoError(t, err)
			process.end(t, fresh.Token, func() {})
			_, err = s.ended.Read(t.Context())
			require.NoError(t, err)
			_, err = s.tokens.Verify(fresh.Token)
			require.ErrorContains(t, err, "has ended", "the list is read from its beginning again")
		}
	})
}

func TestATokenOfAnotherDatabaseIsRefused(t *testing.T) {
	ours := newTokens(t, auth.Config{Ended: auth.EndedOf("ours")})
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
