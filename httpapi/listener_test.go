package httpapi

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections the test makes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection with an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr { return f }
func (f from) Network() string      { return "tcp" }
func (f from) String() string       { return f.address }

// dial connects from an address and returns the client's end.
func (p *pipes) dial(address string) net.Conn {
	client, server := net.Pipe()
	p.conns <- from{server, address}
	return client
}

// isClosed reports whether the server closed a connection that it said nothing on.
func isClosed(t *testing.T, client net.Conn) bool {
	t.Helper()
	err := client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if err == nil {
		_, err = client.Read(make([]byte, 1))
	}
	require.Error(t, err)
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
}

func TestOneNetworkCannotTakeAllConnections(t *testing.T) {
	inner := newPipes()
	bound := Bound(inner, Bounds{Total: 100, Network: 2, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	accepted := make(chan net.Conn, 100)
	go func() {
		for conn, err := bound.Accept(); err == nil; conn, err = bound.Accept() {
			accepted <- conn
		}
		close(accepted)
	}()
	for _, step := range []struct {
		address string
		closed  bool
	}{
		{"192.0.2.1:1", false}, {"192.0.2.1:2", false}, {"192.0.2.1:3", true}, {"192.0.2.2:1", false},
		{"[2001:db8::1]:1", false}, {"[2001:db8::2]:1", false}, {"[2001:db8::3]:1", true}, {"[2001:db8:0:1::1]:1", false},
		{"[::ffff:192.0.2.1]:4", true},
		{"10.1.2.3:1", false}, {"10.1.2.3:2", false}, {"10.1.2.3:3", false},
	} {
		require.Equal(t, step.closed, isClosed(t, inner.dial(step.address)), step.address)
	}
	first := <-accepted
	require.NoError(t, first.Close())
	_ = first.Close() // must not give the place back twice
	require.False(t, isClosed(t, inner.dial("192.0.2.1:5")), "a place is free again")
	require.True(t, isClosed(t, inner.dial("192.0.2.1:6")))
	require.NoError(t, bound.Close())
	for conn := range accepted {
		require.NoError(t, conn.Close())
	}
	require.Empty(t, bound.(*boundListener).open)
}

func TestConnectionsBeyondTheTotalWait(t *testing.T) {
	inner := newPipes()
	bound := Bound(inner, Bounds{Total: 1})
	go inner.dial("192.0.2.1:1")
	first, err := bound.Accept()
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		conn, err := bound.Accept()
		if err == nil {
			_ = conn.Close()
		}
		second <- err
	}()
	select {
	case err := <-second:
		require.FailNow(t, "it did not wait", err)
	case inner.conns <- from{first, "192.0.2.1:2"}:
		require.FailNow(t, "it was accepted")
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, first.Close())
	go inner.dial("192.0.2.1:3")
	require.NoError(t, <-second)

	go inner.dial("192.0.2.1:4")
	_, err = bound.Accept()
	require.NoError(t, err)
	waiting := make(chan error, 1)
	go func() { _, err := bound.Accept(); waiting <- err }()
	require.NoError(t, bound.Close())
	require.ErrorIs(t, <-waiting, net.ErrClosed, "a stop must not wait for a place")
}
