// Userorder serves accounts and orders over HTTP. This file is the whole composition: which parts there are
// and how they hang together. Settings come from the environment; README.md lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/netutil"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
	"userorder/openapi"
	"userorder/order"
	"userorder/user"
)

func main() {
	if os.Getenv("GOGC") == "" { // twice Go's default: a tenth less CPU a request for some MB (docs/performance.md)
		debug.SetGCPercent(200)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case err == nil:
		return
	case errors.Is(err, errSettings), errors.Is(err, errUsage):
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	_, _ = fmt.Fprintln(os.Stderr, "userorder:", strings.Join(strings.Fields(err.Error()), " "))
	os.Exit(1)
}

// serve answers requests until ctx ends.
func serve(ctx context.Context, cfg Config, stdout io.Writer) (err error) {
	log := newLogger(cfg, stdout)
	api, err := newAPI(ctx, cfg, log)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped while it was starting
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	ops, err := startOps(ctx, cfg.OpsAddress, api.metrics, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ops.Close()) }()
	tracing, err := newTracing(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer tracing.Close()
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	logStart(log, cfg, api.secret, ops, tracing)
	log.Info("listening", "address", listener.Addr().String(), "modules", strings.Join(cfg.Modules, ","),
		"docs", "http://"+reachable(listener.Addr().String())+"/docs")
	listener = netutil.LimitListener(listener, cfg.MaxConnections) // who is above it waits in the kernel's queue
	handler := api.metrics.around(tracing.around(api.engine))
	return httpapi.Serve(ctx, listener, handler, log, cfg.DrainDelay)
}

// api is the service without its listener.
type api struct {
	engine    *gin.Engine
	databases map[string]*database.DB // by URL
	metrics   *metrics                // nil if they are off
	secret    string                  // where it came from
}

// newAPI opens the databases and mounts the modules. When ctx ends, the service calls itself unready.
func newAPI(ctx context.Context, cfg Config, log *slog.Logger) (_ *api, err error) {
	api := &api{databases: map[string]*database.DB{}}
	defer func() {
		if err != nil {
			_ = api.Close()
		}
	}()
	if cfg.OpsAddress != "" {
		api.metrics = newMetrics(readBuild())
	}
	api.engine, err = httpapi.NewEngine(httpapi.Config{
		Log: log, Translate: translate,
		TrustedProxies: cfg.TrustedProxies, Origins: cfg.Origins, Limit: cfg.Limits.Requests, Observe: api.metrics.observer(),
		Ready: func(request context.Context) error { return errors.Join(ctx.Err(), api.ping(request)) },
	})
	if err != nil {
		return nil, err
	}
	if err := api.open(ctx, cfg); err != nil {
		return nil, err
	}
	tokens, secret, err := newTokens(cfg, log)
	if err != nil {
		return nil, err
	}
	api.secret = secret
	if cfg.serves("user") {
		users, err := user.New(ctx, user.Config{
			DB: api.databases[cfg.UserDatabaseURL], Tokens: tokens, HashConcurrency: cfg.HashConcurrency,
			Registrations: cfg.Limits.Registrations, Logins: cfg.Limits.Logins, Throttle: cfg.Limits.Failures,
		})
		if err != nil {
			return nil, err
		}
		users.Mount(api.engine.Group("/user"))
		api.metrics.watchHashing(users.Hashing)
	}
	if cfg.serves("order") {
		orders, err := order.New(ctx, order.Config{DB: api.databases[cfg.OrderDatabaseURL], Tokens: tokens})
		if err != nil {
			return nil, err
		}
		orders.Mount(api.engine.Group("/order"))
	}
	return api, openapi.Mount(api.engine, readBuild().version)
}

// translate says what a database's failure means to a client.
func translate(err error) *httpapi.Error {
	switch {
	case errors.Is(err, database.ErrOutcomeUnknown):
		return httpapi.ErrOutcomeUnknown
	case errors.Is(err, database.ErrUnavailable):
		return httpapi.ErrUnavailable
	}
	return nil
}

// open opens the databases, one that modules share once.
func (a *api) open(ctx context.Context, cfg Config) error {
	for _, url := range []string{cfg.UserDatabaseURL, cfg.OrderDatabaseURL} {
		if url == "" || a.databases[url] != nil {
			continue
		}
		options, modules := cfg.Database, cfg.modulesOn(url)
		if _, ok := database.SQLitePath(url); ok {
			options.Committed = a.metrics.committed(modules)
		}
		db, err := database.Open(ctx, url, options)
		if err != nil {
			return err
		}
		a.databases[url] = db
		a.metrics.watchDatabase(modules, db)
	}
	return nil
}

func (a *api) ping(ctx context.Context) error {
	var errs []error
	for _, db := range a.databases {
		errs = append(errs, db.Ping(ctx))
	}
	return errors.Join(errs...)
}

// Close closes the databases.
func (a *api) Close() error {
	var errs []error
	for _, db := range a.databases {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// newTokens returns what signs tokens, and where its secret came from.
func newTokens(cfg Config, log *slog.Logger) (tokens *auth.Tokens, source string, err error) {
	secret, source, err := secretOf(cfg, log)
	if err != nil {
		return nil, "", err
	}
	tokens, err = auth.NewTokens(auth.Config{Secret: secret, Previous: cfg.PreviousSecret, TTL: cfg.TokenTTL})
	return tokens, source, err
}

// secretOf takes the secret from the settings, or from the file that is made on the first start.
func secretOf(cfg Config, log *slog.Logger) (secret []byte, source string, err error) {
	if len(cfg.Secret) > 0 {
		return cfg.Secret, "settings", nil
	}
	path := cfg.secretPath()
	secret, made, err := auth.FileSecret(path)
	if err != nil {
		return nil, "", err
	}
	warnOfReaders(log, filepath.Dir(path))
	if made {
		return secret, "new file " + path, nil
	}
	return secret, "file " + path, nil
}
