package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"

	"userorder/bench/contender"
	"userorder/bench/receiver"
	"userorder/bench/seed"
	"userorder/bench/work"
)

// webhook is the service on one kind of database with a webhook, beside one without that begins with the same orders.
type webhook struct {
	with, without *contender.Server
	receiver      *contender.Server
	made          work.Made // orders on with

	// startDown starts down on the database whose events wait.
	startDown func(ctx context.Context, settings ...string) error
	down      *contender.Server // nil unless it is measured
}

// hookTo returns the settings of a webhook whose receiver is at address.
func hookTo(address string) []string {
	return []string{
		"WEBHOOK_URLS=http://" + address + receiver.Path,
		"WEBHOOK_SECRET=" + hookSecret,
	}
}

// hookSecret signs what is sent to webhooks.
var hookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret))

// reserve finds the address of the receiver that is down. Nothing listens there, since a port is not handed out twice.
func (w *world) reserve(ctx context.Context) error {
	port, err := w.stage.Ports.Free(ctx)
	w.nobody = fmt.Sprint("127.0.0.1:", port)
	return err
}

// wantsWebhook reports whether events are to be sent on an engine.
func (o options) wantsWebhook(engine string) bool {
	return o.wants(engine, unhooked, crowds[2]) || o.wants(engine, hooked, crowds[2]) || o.wants(engine, sent, calls)
}

// wantsWaiting reports whether events are to wait on an engine.
func (o options) wantsWaiting(engine string) bool {
	return o.wants(engine, unhookedAt(o.waiting), crowds[2]) || o.wants(engine, waitingFor(o.waiting), crowds[2])
}

const templateWaiting = "made_waiting"

// startWebhookSQLite starts the services with and without a webhook, and seeds the orders whose events wait.
func (w *world) startWebhookSQLite(ctx context.Context) error {
	h := &w.sqlite.webhook
	if w.options.wantsWebhook(onSQLite) {
		err := h.start(ctx, w, func(id string, settings ...string) (*contender.Server, error) {
			return w.onFile(ctx, id, small.orders, settings...)
		})
		if err != nil {
			return err
		}
	}
	if !w.options.wantsWaiting(onSQLite) {
		return nil
	}
	w.progress.step("SQLite: %s events that wait", w.options.waiting.name)
	empty, path := filepath.Join(w.stage.Dir, "empty_waiting.db"), filepath.Join(w.stage.Dir, "waiting.db")
	if err := seed.Copy(w.template, empty); err != nil {
		return err
	}
	// The events of a new URL are those that follow its first start.
	if err := makeTables(ctx, w.stage, "sqlite:"+empty, hookTo(w.nobody)...); err != nil {
		return err
	}
	h.startDown = func(ctx context.Context, settings ...string) (err error) {
		h.down, err = w.stage.Start(ctx, "sqlite:"+path, settings...)
		return err
	}
	return seed.SQLite(ctx, empty, path, w.options.waiting.orders)
}

// start starts a receiver, and services by the ids of their databases.
func (h *webhook) start(ctx context.Context, w *world, start func(id string, settings ...string) (*contender.Server, error)) (err error) {
	if h.receiver, err = w.stage.Limit(ctx, "receiver"); err != nil {
		return err
	}
	if h.without, err = start("unhooked"); err != nil {
		return err
	}
	h.with, err = start("hooked", hookTo(h.receiver.Address)...)
	return err
}

func (w *world) seedWebhookPostgres(ctx context.Context, server *contender.Postgres) error {
	for _, name := range []string{"unhooked", "hooked"} {
		if !w.options.wantsWebhook(onPostgres) {
			continue
		}
		if err := seed.PostgresOrders(ctx, server.URL, templateDatabase, name, small.orders); err != nil {
			return err
		}
	}
	if !w.options.wantsWaiting(onPostgres) {
		return nil
	}
	w.progress.step("PostgreSQL: %s events that wait", w.options.waiting.name)
	if err := seed.PostgresCopy(ctx, server.URL("postgres"), templateDatabase, templateWaiting); err != nil {
		return err
	}
	if err := makeTables(ctx, w.stage, server.URL(templateWaiting), hookTo(w.nobody)...); err != nil {
		return err
	}
	return seed.PostgresOrders(ctx, server.URL, templateWaiting, "waiting", w.options.waiting.orders)
}

func (w *world) startWebhookPostgres(ctx context.Context, server *contender.Postgres) error {
	h := &w.postgres.webhook
	h.startDown = func(ctx context.Context, settings ...string) (err error) {
		h.down, err = onServer(ctx, w.stage, server, "waiting", settings...)
		return err
	}
	if !w.options.wantsWebhook(onPostgres) {
		return nil
	}
	return h.start(ctx, w, func(id string, settings ...string) (*contender.Server, error) {
		return onServer(ctx, w.stage, server, id, settings...)
	})
}
