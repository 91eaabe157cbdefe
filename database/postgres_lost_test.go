package database_test

import (
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// throughProxy returns the URL of a proxy of the server at raw. Whenever lose is set, the proxy swallows the next answer of
// the server, and closes the connection without a word, as one does whose machine has died.
func throughProxy(t *testing.T, raw string) (proxied string, lose *atomic.Bool) {
	u, err := url.Parse(raw)
	require.NoError(t, err)
	network, address, query := "tcp", u.Host, u.Query()
	if folder := query.Get("host"); folder != "" {
		network, address = "unix", folder+"/.s.PGSQL.5432"
		query.Del("host")
	}
	query.Set("sslmode", "disable")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	lose = &atomic.Bool{}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() {
				defer func() { _ = client.Close(); _ = server.Close() }()
				buffer := make([]byte, 64<<10)
				for {
					n, err := server.Read(buffer)
					if err != nil || lose.CompareAndSwap(true, false) {
						return
					}
					_, _ = client.Write(buffer[:n])
				}
			}()
		}
	}()
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	return u.String(), lose
}

func TestAWriteWhoseAnswerIsLostIsNeverMadeTwice(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			raw := databasetest.Postgres(t)
			observer := entries(t, raw)
			proxied, lose := throughProxy(t, raw)
			db := databasetest.Open(t, proxied+"&pool_max_conns=1&default_query_exec_mode="+mode)
			kept := 0
			require.NoError(t, add(t.Context(), db, 1, "a")) // so that the statement is prepared
			kept++
			lose.Store(true)
			require.ErrorIs(t, add(t.Context(), db, 2, "a"), database.ErrOutcomeUnknown)
			kept++
			require.Equal(t, kept, count(t, observer))
			if mode == "simple_protocol" { // has no groups
				return
			}
			require.NoError(t, database.Together(db, false, adding(t, db, 3))[0])
			kept++
			insert := func() error {
				_, err := db.Exec(t.Context(), "INSERT INTO entries (body) VALUES ($1)", "b")
				return err
			}
			_, err := observer.Exec(t.Context(), "ALTER TABLE entries ALTER id RESTART WITH 100")
			require.NoError(t, err)
			require.NoError(t, database.Together(db, false, insert)[0])
			kept++
			lose.Store(true)
			for _, err := range database.Together(db, false, insert, insert, insert) {
				require.ErrorIs(t, err, database.ErrOutcomeUnknown)
				kept++
			}
			require.Equal(t, kept, count(t, observer))
			require.NoError(t, db.Ping(t.Context()))
		})
	}
}

// explosive panics where pgx encodes or reads it.
type explosive struct{}

func (explosive) Scan(any) error { panic("read") }

func TestAPanicOverAMemberIsItsOwn(t *testing.T) {
	eachGroupMode(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, add(t.Context(), db, 1, "a"))
		var body string
		errs := database.Together(db, true,
			func() error { return db.QueryRow(t.Context(), "SELECT body FROM entries").Scan(explosive{}) },
			func() error { return db.QueryRow(t.Context(), "SELECT body FROM entries").Scan((*string)(nil)) },
			reading(t, db, 1, &body))
		require.Error(t, errs[0])
		require.Error(t, errs[1])
		require.NoError(t, errs[2])
		errs = database.Together(db, false, adding(t, db, 2), func() (err error) {
			_, err = db.Exec(t.Context(), "")
			return err
		})
		require.NoError(t, errs[0])
		require.Equal(t, 2, count(t, db))
	})
}
