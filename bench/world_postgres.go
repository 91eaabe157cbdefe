package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/seed"
)

const templateDatabase, templateBefore = "made", "made_before"

// startPostgres seeds with durability off, then restarts the server with durability on for the measurements.
func (w *world) startPostgres(ctx context.Context) error {
	server, err := w.stage.NewPostgres(ctx)
	if err != nil {
		return err
	}
	if err := server.Start(ctx, w.stage.Group, contender.ForSeeding...); err != nil {
		return err
	}
	if err := w.seedPostgres(ctx, server); err != nil {
		return err
	}
	if err := server.Process.Stop(); err != nil {
		return err
	}
	w.progress.step("PostgreSQL: flush the seeded rows")
	if err := exec.CommandContext(ctx, "sync").Run(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := server.Start(ctx, w.stage.Group); err != nil {
		return err
	}
	w.machine.Postgres = server.Version + ", fsync on, shared_buffers=512MB, over TCP"
	w.postgres = &engine{name: onPostgres, nameBefore: beforePostgres, queried: map[string]*contender.Server{}}
	return w.startOnPostgres(ctx, server)
}

func (w *world) startOnPostgres(ctx context.Context, server *contender.Postgres) (err error) {
	for _, s := range w.options.sizes {
		if w.postgres.queried[s.id], err = onServer(ctx, w.stage, server, "orders_"+s.id); err != nil {
			return err
		}
	}
	var errs [4]error
	w.postgres.written, errs[0] = onServer(ctx, w.stage, server, "written")
	w.postgres.many, errs[1] = onServer(ctx, w.stage, server, "many")
	errs[2] = w.startWebhookPostgres(ctx, server)
	if w.before != nil {
		w.postgres.before, errs[3] = onServer(ctx, *w.before, server, "before")
	}
	return errors.Join(errs[:]...)
}

func (w *world) seedPostgres(ctx context.Context, server *contender.Postgres) error {
	if err := makeTemplate(ctx, w.stage, server, templateDatabase); err != nil {
		return err
	}
	if err := seed.CopyUsers(ctx, w.template, server.URL(templateDatabase)); err != nil {
		return err
	}
	for _, s := range w.options.sizes {
		w.progress.step("PostgreSQL: %s orders", s.name)
		if err := seed.PostgresOrders(ctx, server.URL, templateDatabase, "orders_"+s.id, s.orders); err != nil {
			return err
		}
	}
	for _, name := range []string{"written", "many"} {
		if err := seed.PostgresOrders(ctx, server.URL, templateDatabase, name, small.orders); err != nil {
			return err
		}
	}
	if err := w.seedWebhookPostgres(ctx, server); err != nil {
		return err
	}
	if w.before == nil {
		return nil
	}
	if err := makeTemplate(ctx, *w.before, server, templateBefore); err != nil {
		return err
	}
	return seed.PostgresOrders(ctx, server.URL, templateBefore, "before", small.orders)
}

// makeTemplate creates a database with the tables of the service of a stage.
func makeTemplate(ctx context.Context, stage contender.Stage, server *contender.Postgres, name string) error {
	if err := seed.PostgresEmpty(ctx, server.URL("postgres"), name); err != nil {
		return err
	}
	return makeTables(ctx, stage, server.URL(name))
}

// onServer starts the service of a stage on a database.
func onServer(ctx context.Context, stage contender.Stage, server *contender.Postgres, database string, settings ...string) (*contender.Server, error) {
	service, err := stage.Start(ctx, server.URL(database), settings...)
	if err != nil {
		return nil, err
	}
	service.Behind = []*process.Process{server.Process}
	return service, nil
}
