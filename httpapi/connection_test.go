package httpapi

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABoundConnectionIsFoundBelowTLS(t *testing.T) {
	bound := &boundConn{}
	for _, conn := range []net.Conn{bound, tls.Server(bound, &tls.Config{MinVersion: tls.VersionTLS12})} {
		found, ok := boundConnOf(conn)
		require.True(t, ok)
		require.Same(t, bound, found)
	}
	_, ok := boundConnOf(&net.TCPConn{})
	require.False(t, ok)
}

func TestHandshakesThatFailAreNoWarnings(t *testing.T) {
	var said bytes.Buffer
	log := serverLog{slog.New(slog.NewTextHandler(&said, nil))}
	_, err := log.Write([]byte("http: TLS handshake error from 192.0.2.1:1: EOF\n"))
	require.NoError(t, err)
	require.Empty(t, said.String())
	_, err = log.Write([]byte("http: response.WriteHeader on hijacked connection\n"))
	require.NoError(t, err)
	require.Contains(t, said.String(), "level=WARN")
}

func TestListenersThatAreBoundTogetherShareTheirPlaces(t *testing.T) {
	var sockets []net.Listener
	for range 2 {
		socket, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = socket.Close() })
		sockets = append(sockets, socket)
	}
	accepted := make(chan net.Conn, 10)
	for _, l := range BoundTogether(Bounds{Total: 2}, sockets...) {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
	}
	for i := range 6 {
		conn, err := net.Dial("tcp", sockets[i%2].Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
	first := []net.Conn{<-accepted, <-accepted}
	late := 0
	for wait := time.After(100 * time.Millisecond); late >= 0; {
		select {
		case conn := <-accepted:
			first = append(first, conn)
			late++
			continue
		case <-wait:
		}
		break
	}
	require.LessOrEqual(t, len(first), 3, "one more than two, since each listener may wait with a place")
	require.NoError(t, first[0].Close())
	select {
	case conn := <-accepted:
		require.NoError(t, conn.Close())
	case <-time.After(5 * time.Second):
		require.Fail(t, "the place of a connection that was closed is lost")
	}
}
