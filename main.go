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
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String(), "modules", strings.Join(cfg.Modules, ","))
	listener = netutil.LimitListener(listener, cfg.MaxConnections) // who is above it waits in the kernel's queue
	return httpapi.Serve(ctx, listener, api.engine, log, cfg.DrainDelay)
}

// api is the service without its listener.
type api struct {
	engine    *gin.Engine
	databases map[string]*database.DB // by URL
}

// newAPI opens the databases and mounts the modules. When ctx ends, the service calls itself unready.
func newAPI(ctx context.Context, cfg Config, log *slog.Logger) (_ *api, err error) {
	api := &api{databases: map[string]*database.DB{}}
	defer func() {
		if err != nil {
			_ = api.Close()
		}
	}()
	api.engine, err = httpapi.NewEngine(httpapi.Config{
		Log: log, Translate: translate,
		TrustedProxies: cfg.TrustedProxies, Origins: cfg.Origins, Limit: cfg.Limits.Requests,
		Ready: func(request context.Context) error { return errors.Join(ctx.Err(), api.ping(request)) },
	})
	if err != nil {
		return nil, err
	}
	if err := api.open(ctx, cfg); err != nil {
		return nil, err
	}
	tokens, err := newTokens(cfg, log)
	if err != nil {
		return nil, err
	}
	if cfg.serves("user") {
		users, err := user.New(ctx, user.Config{
			DB: api.databases[cfg.UserDatabaseURL], Tokens: tokens, HashConcurrency: cfg.HashConcurrency,
			Registrations: cfg.Limits.Registrations, Logins: cfg.Limits.Logins, Throttle: cfg.Limits.Failures,
		})
		if err != nil {
			return nil, err
		}
		users.Mount(api.engine.Group("/user"))
	}
	if cfg.serves("order") {
		orders, err := order.New(ctx, order.Config{DB: api.databases[cfg.OrderDatabaseURL], Tokens: tokens})
		if err != nil {
			return nil, err
		}
		orders.Mount(api.engine.Group("/order"))
	}
	return api, openapi.Mount(api.engine)
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
		db, err := database.Open(ctx, url, cfg.Database)
		if err != nil {
			return err
		}
		a.databases[url] = db
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

// newTokens takes the secret from the settings, or from the file that is made on the first start.
func newTokens(cfg Config, log *slog.Logger) (*auth.Tokens, error) {
	secret := cfg.Secret
	if len(secret) == 0 {
		var made bool
		var err error
		if secret, made, err = auth.FileSecret(cfg.secretPath()); err != nil {
			return nil, err
		}
		log.Info("the tokens' secret is in a file", "path", cfg.secretPath(), "new", made)
	}
	return auth.NewTokens(auth.Config{Secret: secret, Previous: cfg.PreviousSecret, TTL: cfg.TokenTTL})
}
