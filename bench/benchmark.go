package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"userorder/bench/process"
	"userorder/bench/report"
)

// benchmark measures everything and writes the report. In any case it stops the processes that it started and removes
// its files.
func benchmark(ctx context.Context, o options, p *progress) error {
	return withFolder(o.dir, p, func(dir string, group *process.Group) error {
		w, err := newWorld(ctx, o, dir, group, p)
		if err != nil {
			return err
		}
		results, err := w.measureAll(ctx)
		if err != nil {
			return err
		}
		return w.write(results)
	})
}

// withFolder calls work with a folder below parent and a group for its processes. In any case it ends the line of p, stops
// the processes and removes the folder.
func withFolder(parent string, p *progress, work func(dir string, group *process.Group) error) (err error) {
	dir, err := os.MkdirTemp(parent, "userorder-bench-")
	if err != nil {
		return err
	}
	group := &process.Group{}
	defer func() {
		p.end()
		group.Stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user and has its folder there
		return err
	}
	return work(dir, group)
}

// write writes the report and its picture.
func (w *world) write(results *report.Results) error {
	name := time.Now().Format(time.DateOnly)
	if w.options.quick {
		name = "quick"
	}
	if err := os.MkdirAll(w.options.out, 0o755); err != nil { //nolint:gosec // results are public
		return err
	}
	table, picture := filepath.Join(w.options.out, name+".md"), filepath.Join(w.options.out, name+".svg")
	text := report.Markdown(report.Page{
		Date: name, Picture: filepath.Base(picture), Machine: w.machine, Results: results, Targets: targets(results),
		Growth: w.options.grown(), Sizes: sizesOf(w.options.growth), Costs: costs(),
		Rounds: w.options.rounds, Each: w.options.during, Quick: w.options.quick, HashConcurrency: hashConcurrency(), Client: compared(results),
	})
	if err := os.WriteFile(table, []byte(text), 0o644); err != nil { //nolint:gosec // results are public
		return err
	}
	if err := report.Draw(picture, charts(results)); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	if here, err := filepath.Abs(w.options.out); err == nil {
		w.progress.note("written: %s.md and .svg in %s", name, here)
	}
	return nil
}
