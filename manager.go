package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"userorder/systemd"
	"userorder/worker"
)

// announce tells the service manager that the service is ready, and when ctx ends that it stops. Withdraw ends the watch on
// ctx.
func announce(ctx context.Context, manager systemd.Manager, log *slog.Logger) (withdraw func() bool) {
	report := func(err error) {
		if err != nil {
			log.Warn("the service manager does not listen", "error", err)
		}
	}
	report(manager.Ready("serving"))
	return context.AfterFunc(ctx, func() { report(manager.Stopping()) })
}

// watchdogJobs returns the job that tells the service manager, twice in the time that it waits, that requests are answered.
func watchdogJobs(manager systemd.Manager, engine http.Handler) []worker.Job {
	if manager.Watchdog() == 0 {
		return nil
	}
	return []worker.Job{{Name: "watchdog", Every: manager.Watchdog() / 2, Do: func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/healthz", http.NoBody)
		if err != nil {
			return false, err
		}
		answer := statusWriter{header: http.Header{}}
		engine.ServeHTTP(&answer, request) // not through the listener, where a flood of clients may come first
		if answer.status != http.StatusOK {
			return false, fmt.Errorf("/healthz answers %d", answer.status)
		}
		return false, manager.Alive()
	}}}
}

// statusWriter keeps nothing of a response but its status.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header         { return w.header }
func (w *statusWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *statusWriter) WriteHeader(status int)      { w.status = status }
