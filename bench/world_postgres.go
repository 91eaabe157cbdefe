package main

import (
	"context"
	"fmt"
	"os/exec"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/seed"
)

const templateDatabase = "made"

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
	w.postgres = &engine{name: onPostgres, queried: map[string]*contender.Server{}}
	for _, s := range w.options.sizes {
		if w.postgres.queried[s.id], err = w.onPostgres(ctx, server, "orders_"+s.id); err != nil {
			return err
		}
	}
	w.postgres.written, err = w.onPostgres(ctx, server, "written")
	return err
}

func (w *world) seedPostgres(ctx context.Context, server *contender.Postgres) error {
	if err := seed.PostgresEmpty(ctx, server.URL("postgres"), templateDatabase); err != nil {
		return err
	}
	service, err := w.onPostgres(ctx, server, templateDatabase) // creates the tables
	if err != nil {
		return err
	}
	if err := service.Process.Stop(); err != nil {
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
	return seed.PostgresOrders(ctx, server.URL, templateDatabase, "written", small.orders)
}

func (w *world) onPostgres(ctx context.Context, server *contender.Postgres, database string) (*contender.Server, error) {
	service, err := w.stage.Start(ctx, server.URL(database))
	if err != nil {
		return nil, err
	}
	service.Behind = []*process.Process{server.Process}
	return service, nil
}
