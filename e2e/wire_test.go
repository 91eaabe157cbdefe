//go:build unix

package e2e

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// wire is what lies between programs and a PostgreSQL server. While it is bad it cuts connections: mostly when the answer to
// a COMMIT comes, so that the program does not learn that it succeeded, and sometimes when another answer comes.
type wire struct {
	url, network, address string // of the programs; of the server

	bad          atomic.Bool
	commits, cut atomic.Int64 // answers that were lost
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	config, err := pgconn.ParseConfig(server)
	require.NoError(t, err)
	u, err := url.Parse(server)
	require.NoError(t, err)
	query := u.Query()
	query.Set("host", host)
	query.Set("port", port)
	u.RawQuery = query.Encode()
	w := &wire{url: u.String()}
	w.network, w.address = pgconn.NetworkAddress(config.Host, config.Port)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return w
}

// serve passes on what comes and goes.
func (w *wire) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial(w.network, w.address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	answer := make([]byte, 64<<10)
	for {
		n, err := server.Read(answer)
		if err != nil || w.loses(answer[:n]) {
			return
		}
		if _, err := client.Write(answer[:n]); err != nil {
			return
		}
	}
}

func (w *wire) loses(answer []byte) bool {
	switch {
	case !w.bad.Load():
		return false
	case bytes.Contains(answer, []byte("COMMIT\x00")) && rand.IntN(10) == 0:
		w.commits.Add(1)
		return true
	case rand.IntN(200) == 0:
		w.cut.Add(1)
		return true
	}
	return false
}
