package main

import (
	"context"
	"fmt"
	"path/filepath"

	"userorder/bench/contender"
	"userorder/bench/load"
	"userorder/bench/report"
	"userorder/bench/work"
)

// startFlask starts the app with the kind of worker that serves the most queries.
func (w *world) startFlask(ctx context.Context) error {
	folder, err := filepath.Abs("flask")
	if err != nil {
		return err
	}
	app, err := contender.NewFlask(ctx, folder)
	if err != nil {
		return err
	}
	w.flask = &flask{app: app, queried: map[string]*contender.Server{}}
	if err := w.chooseWorker(ctx); err != nil {
		return err
	}
	w.machine.Flask = app.Versions + " `" + app.Worker.String() + "`"
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

// chooseWorker runs all kinds of workers side by side and measures them in turn, so that a temporary disturbance does
// not decide.
func (w *world) chooseWorker(ctx context.Context) error {
	servers := make([]*contender.Server, len(contender.Workers))
	for i, worker := range contender.Workers {
		var err error
		w.flask.app.Worker = worker
		if servers[i], err = w.stage.StartFlask(ctx, w.flask.app, small.orders, work.Users); err != nil {
			return err
		}
	}
	rates := make([][]float64, len(servers))
	for round := range w.options.rounds {
		for i, server := range servers {
			w.progress.step("Flask: try workers, %d of %d: %s", round+1, w.options.rounds, contender.Workers[i])
			result, err := load.Load{
				Address: server.Address, Scripts: scripts(clients, work.Query(w.tokens, small.orders, false)),
				Warmup: w.options.warmup, For: w.options.during / 2,
			}.Run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", contender.Workers[i], err)
			}
			rates[i] = append(rates[i], result.Rate)
		}
	}
	best := 0.0
	for i, server := range servers {
		if err := server.Process.Stop(); err != nil {
			return err
		}
		rate := report.SpreadOf(rates[i]).Median
		w.machine.Workers = append(w.machine.Workers, fmt.Sprintf("`%s`: %.0f queries a second", contender.Workers[i], rate))
		if rate > best {
			best, w.flask.app.Worker = rate, contender.Workers[i]
		}
	}
	return nil
}

func (f *flask) writes() *contender.Server { return f.written }

func (f *flask) mixes() *contender.Server { return f.mixed }

// renew restarts the app with few orders, since its lists grow during measurements and make it slower.
func (f *flask) renew(ctx context.Context, stage contender.Stage, server **contender.Server) (err error) {
	if *server != nil {
		if err := (*server).Process.Stop(); err != nil {
			return err
		}
	}
	*server, err = stage.StartFlask(ctx, f.app, small.orders, work.Users)
	return err
}

// renewWritten restarts the process for writes and registers the users again.
func (f *flask) renewWritten(ctx context.Context, stage contender.Stage) (err error) {
	if err := f.renew(ctx, stage, &f.written); err != nil {
		return err
	}
	f.made.Forget()
	f.tokens, err = work.Join(ctx, f.written.Address)
	return err
}
