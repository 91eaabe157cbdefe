package httpapi

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Bounds says how many connections may be open at once.
type Bounds struct {
	Total   int            // further connections wait in the accept queue
	Network int            // of one client network, an IPv4 address or a /64; a further one is closed at once; 0 is no bound
	Exempt  []netip.Prefix // networks of proxies: they bring many clients and have no bound of their own
}

// Bound returns a listener that keeps bounds on the connections of listener.
func Bound(listener net.Listener, bounds Bounds) net.Listener {
	return BoundTogether(bounds, listener)[0]
}

// BoundTogether returns listeners that keep bounds on the connections of all listeners together.
func BoundTogether(bounds Bounds, listeners ...net.Listener) []net.Listener {
	shared := &census{
		places: make(chan struct{}, bounds.Total+len(listeners)-1), // each listener waits with a place in its hand
		most:   bounds.Network, exempt: bounds.Exempt, open: map[netip.Prefix]int{},
	}
	bound := make([]net.Listener, len(listeners))
	for i, listener := range listeners {
		bound[i] = &boundListener{Listener: listener, census: shared, closed: make(chan struct{})}
	}
	return bound
}

// census counts open connections.
type census struct {
	places chan struct{}
	most   int
	exempt []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int // by client network
}

type boundListener struct {
	net.Listener
	*census
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a connection within the bounds.
func (l *boundListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.places
			return nil, err
		}
		if leave, ok := l.enter(conn.RemoteAddr()); ok {
			return &boundConn{Conn: conn, leave: sync.OnceFunc(func() { leave(); <-l.places })}, nil
		}
		_ = conn.Close()
	}
}

// enter counts a connection from an address, and returns what takes it out of the count.
func (c *census) enter(address net.Addr) (leave func(), ok bool) {
	peer, ok := addressOf(address.String()) // not that of a Unix socket
	if c.most == 0 || !ok || isIn(c.exempt, peer) {
		return func() {}, true
	}
	from := networkOf(peer)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[from] >= c.most {
		return nil, false
	}
	c.open[from]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[from]--; c.open[from] == 0 {
			delete(c.open, from)
		}
	}, true
}

// Close closes the listener; an Accept that waits for a place returns.
func (l *boundListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundConnOf returns the connection of a bound listener below TLS, if conn is one.
func boundConnOf(conn net.Conn) (*boundConn, bool) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	bound, ok := conn.(*boundConn)
	return bound, ok
}

// boundConn gives its place back when it is closed, and tells whether a request has begun to arrive.
type boundConn struct {
	net.Conn
	leave func()
	begun atomic.Bool // something was read since it was new or idle
}

func (c *boundConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun.Load() {
		c.begun.Store(true)
	}
	return n, err
}

func (c *boundConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
