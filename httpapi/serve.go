package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// How long the parts of an exchange may take. What a slow or silent client holds is given back after them.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10

	// drainTimeout bounds the wait for requests in flight when the server stops.
	drainTimeout = 25 * time.Second
)

// Serve answers requests on listener until ctx ends, which is what makes the service unready. It goes on
// serving for delay, so that a balancer can see that; then it takes no more requests, lets those in flight
// finish, for 25 seconds at most, and returns nil. It closes listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, delay time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// net/http would answer OPTIONS * itself, outside the envelope.
		DisableGeneralOptionsHandler: true,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()

	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping", "for", delay)
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(delay):
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		log.Warn("requests were cut off", "after", drainTimeout, "error", err)
		err = server.Close()
		if !errors.Is(err, net.ErrClosed) && err != nil {
			return fmt.Errorf("stop: %w", err)
		}
	}
	return nil
}
