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

// Timeouts that free what a slow or silent client holds.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10

	// drainTimeout bounds the wait for requests in flight at shutdown.
	drainTimeout = 25 * time.Second
)

// Serve serves on listener until ctx is done, and then shuts down gracefully: it goes on serving for delay, so that a
// load balancer can notice that the service is unready; then it closes listener, waits at most 25 seconds for requests
// in flight and returns nil. Requests that take longer are logged and dropped.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, delay time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// Otherwise net/http answers OPTIONS * itself, outside the envelope.
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
		log.Warn("dropped requests in flight", "after", drainTimeout, "error", err)
		err = server.Close()
		if !errors.Is(err, net.ErrClosed) && err != nil {
			return fmt.Errorf("stop: %w", err)
		}
	}
	return nil
}
