package database

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatAURLLeavesOpenIsDecidedForIt(t *testing.T) {
	for _, test := range []struct {
		name, url string
		timeout   time.Duration
		choosy    bool // not every server will do
	}{
		{"one host", "postgres://me@one/db", 3 * time.Second, false},
		{"several hosts", "postgres://me@one:5432,two:5433/db", 2 * time.Second, true},
		{"four hosts", "postgres://me@one,two,three,four/db", time.Second, true},
		{"one host on several ports", "postgres://me@one:5432,one:5433/db", 2 * time.Second, true},
		{"several hosts that are chosen by the URL", "postgres://me@one,two/db?target_session_attrs=read-only", 2 * time.Second, true},
		{"several hosts, whichever", "postgres://me@one,two/db?target_session_attrs=any", 2 * time.Second, false},
		{"less patience", "postgres://me@one/db?connect_timeout=1", time.Second, false},
		{"more patience than a request has", "postgres://me@one/db?connect_timeout=60", 3 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := parsePostgres(test.url)
			require.NoError(t, err)
			require.Equal(t, test.timeout, cfg.ConnConfig.ConnectTimeout)
			require.Equal(t, test.choosy, cfg.ConnConfig.ValidateConnect != nil)
		})
	}
}

func TestAnUnescapedAtInAPasswordIsRefusedAndNotShown(t *testing.T) {
	const url = "postgres://me:hunter@2secret@localhost/db"
	err := CheckURL(url)
	require.ErrorContains(t, err, "an @ in a password is written %40")
	require.NotContains(t, err.Error(), "2secret")
	require.Equal(t, "postgres://…", Redact(url))
}

func TestTheSizeOfThePool(t *testing.T) {
	for url, want := range map[string]int32{
		"postgres://me@127.0.0.1:1/db":                   7,
		"postgres://me@127.0.0.1:1/db?pool_max_conns=31": 31,
	} {
		cfg, err := parsePostgres(url)
		require.NoError(t, err)
		_, err = openPostgres(context.Background(), url, cfg, Options{PoolSize: 7, PoolLifetime: time.Minute})
		require.Error(t, err, "nobody listens there")
		require.Equal(t, want, cfg.MaxConns)
		require.Equal(t, time.Minute, cfg.MaxConnLifetime)
		require.Equal(t, 6*time.Second, cfg.MaxConnLifetimeJitter)
	}
}
