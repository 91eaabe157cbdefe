package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"userorder/bench/contender"
	"userorder/bench/load"
	"userorder/bench/work"
)

// startFlask takes the kind of worker that answers the most queries.
func (w *world) startFlask(ctx context.Context) error {
	folder, err := filepath.Abs("flask")
	if err != nil {
		return err
	}
	app, err := contender.NewFlask(ctx, folder)
	if errors.Is(err, contender.ErrMissing) {
		w.progress.note("skipped: %v", err)
		w.machine.Skipped = append(w.machine.Skipped, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	w.flask = &flask{app: app, queried: map[string]*contender.Server{}}
	if err := w.chooseWorker(ctx); err != nil {
		return err
	}
	w.machine.Flask = app.Versions + " " + app.Worker.String()
	for _, s := range w.options.sizes {
		if !s.flask {
			continue
		}
		if w.flask.queried[s.id], err = w.stage.StartFlask(ctx, app, s.orders, work.Users); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) chooseWorker(ctx context.Context) error {
	best, fastest := 0.0, contender.Worker(nil)
	for _, worker := range contender.Workers {
		w.progress.step("Flask: try %s", worker)
		w.flask.app.Worker = worker
		server, err := w.stage.StartFlask(ctx, w.flask.app, small.orders, work.Users)
		if err != nil {
			return err
		}
		result, err := load.Load{
			Address: server.Address, Scripts: scripts(clients, work.Query(w.tokens, small.orders, false)),
			Warmup: w.options.warmup, For: max(w.options.during, 500*time.Millisecond),
		}.Run(ctx)
		if err := errors.Join(err, server.Process.Stop()); err != nil {
			return err
		}
		w.machine.Workers = append(w.machine.Workers, worker.String()+": "+number(result.Rate)+" queries a second")
		if result.Rate > best {
			best, fastest = result.Rate, worker
		}
	}
	w.flask.app.Worker = fastest
	return nil
}

func (f *flask) writes() *contender.Server { return f.written }

func (f *flask) mixes() *contender.Server { return f.mixed }

// renew starts the app anew with few orders, since its lists grow with what is measured and make it slower.
func (f *flask) renew(ctx context.Context, stage contender.Stage, server **contender.Server) (err error) {
	if *server != nil {
		if err := (*server).Process.Stop(); err != nil {
			return err
		}
	}
	*server, err = stage.StartFlask(ctx, f.app, small.orders, work.Users)
	return err
}

// renewWritten starts the one that is written to anew, with its users.
func (f *flask) renewWritten(ctx context.Context, stage contender.Stage) (err error) {
	if err := f.renew(ctx, stage, &f.written); err != nil {
		return err
	}
	f.made.Forget()
	f.tokens, err = work.Join(ctx, f.written.Address)
	return err
}
