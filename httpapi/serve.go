package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Timeouts that free what a slow or silent client holds.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	maxHeaderBytes    = 16<<10 - 4096 // to which net/http adds 4096

	// maxStreams is how many requests of HTTP/2 a connection may have at a time: the least that RFC 9113 recommends.
	maxStreams = 100

	// acceptTime is how long the accept queue has to empty before the listener is closed. It is short, because attempts
	// to connect that come meanwhile take a second longer.
	acceptTime = 20 * time.Millisecond

	// quietTime is how long a connection has been idle at least when it is closed at a stop: a request may be on its
	// way on one that was busy a moment ago.
	quietTime = 250 * time.Millisecond

	// silentTime is how long a connection may be open without a request when the server stops. net/http waits for five
	// seconds, also for those that browsers and proxies open in advance.
	silentTime = time.Second

	// headerTime is how long a header that has begun to arrive has for its rest when the server stops.
	headerTime = time.Second

	// drainTimeout bounds the wait for requests in flight at shutdown.
	drainTimeout = 25 * time.Second
)

// ServeConfig says how to serve and how to stop.
type ServeConfig struct {
	Log         *slog.Logger
	IdleTimeout time.Duration // for a connection without a request; longer than that of every proxy in front
	DrainDelay  time.Duration // for a balancer to notice that the service is unready
	TLS         *tls.Config   // nil: plain HTTP
}

// Serve answers requests on listener until ctx ends, which is what makes the service unready. From then on every
// response closes its connection. Serve goes on for DrainDelay; then it accepts no more connections, closes those that
// are idle, waits up to 25 seconds for requests in flight, and returns nil. It closes listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, cfg ServeConfig) error {
	var stopping atomic.Bool
	var open connections
	server := &http.Server{
		Handler:           closing(&stopping, handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(serverLog{cfg.Log}, "", 0),
		TLSConfig:         cfg.TLS,
		// WriteTimeout alone frees no stream of a connection whose client has stopped reading.
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeTimeout},
		ConnState: open.observe,
		// Otherwise net/http answers OPTIONS * itself, outside the envelope.
		DisableGeneralOptionsHandler: true,
	}
	stopped := make(chan error, 1)
	go func() {
		if cfg.TLS == nil {
			stopped <- server.Serve(listener)
		} else {
			stopped <- server.ServeTLS(listener, "", "") // with HTTP/2
		}
	}()

	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopping.Store(true)
	cfg.Log.Info("stopping", "drain", cfg.DrainDelay, "address", listener.Addr().String())
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(cfg.DrainDelay):
	}
	if err := stopConnecting(listener); err != nil {
		cfg.Log.Warn("connections in the accept queue may be reset", "error", err)
	}
	time.Sleep(acceptTime)
	_ = listener.Close() // before the connections, so that their clients find no way back
	if open.count() > 0 {
		time.Sleep(quietTime)
		open.awaitHeaders()
	}
	silent := time.AfterFunc(silentTime, open.closeSilent)
	defer silent.Stop()
	return shutDown(context.WithoutCancel(ctx), server, cfg.Log)
}

// serverLog logs what net/http says. Handshakes that fail are no warnings: any scanner of ports causes some.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	text, level := strings.TrimSpace(string(line)), slog.LevelWarn
	if strings.HasPrefix(text, "http: TLS handshake error") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, text)
	return len(line), nil
}

// closing returns handler with responses that close their connections once stopping is set.
func closing(stopping *atomic.Bool, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// connections are the open connections of a server.
type connections struct {
	mu      sync.Mutex
	open    int
	waiting map[net.Conn]http.ConnState // those without a request now, which are new or idle
}

// observe is told of every change of a connection.
func (c *connections) observe(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
		c.wait(conn, state)
		return
	case http.StateIdle:
		c.wait(conn, state)
		return
	case http.StateClosed, http.StateHijacked:
		c.open--
	case http.StateActive:
	}
	delete(c.waiting, conn)
}

// wait records a connection that has no request now.
func (c *connections) wait(conn net.Conn, state http.ConnState) {
	if c.waiting == nil {
		c.waiting = map[net.Conn]http.ConnState{}
	}
	c.waiting[conn] = state
	if bound, ok := boundConnOf(conn); ok {
		bound.begun.Store(false)
	}
}

// awaitHeaders waits, for headerTime at most, until no connection is in the middle of a header: to net/http it is idle.
func (c *connections) awaitHeaders() {
	for until := time.Now().Add(headerTime); c.inHeader() && time.Now().Before(until); {
		time.Sleep(acceptTime)
	}
}

func (c *connections) inHeader() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.waiting {
		if bound, ok := boundConnOf(conn); ok && bound.begun.Load() {
			return true
		}
	}
	return false
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// closeSilent closes connections that never had a request.
func (c *connections) closeSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, state := range c.waiting {
		if state == http.StateNew {
			_ = conn.Close()
		}
	}
}

// shutDown waits for requests in flight and cuts off those that take too long.
func shutDown(ctx context.Context, server *http.Server, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err == nil || errors.Is(err, net.ErrClosed) { // the listener was closed before
		return nil
	}
	log.Warn("dropped requests in flight", "after", drainTimeout, "error", err)
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
