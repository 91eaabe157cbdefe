package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"userorder/bench/limits"
	"userorder/bench/report"
	"userorder/bench/seed"
)

// ask measures a limit in a process of its own, which prints a limits.Count.
func (w *world) ask(ctx context.Context, args ...string) (report.Sample, error) {
	out, err := exec.CommandContext(ctx, w.stage.Self, args...).Output() //nolint:gosec // this program
	if err != nil {
		return report.Sample{}, fmt.Errorf("%s: %w", args[0], err)
	}
	var count limits.Count
	if err := json.Unmarshal(out, &count); err != nil {
		return report.Sample{}, fmt.Errorf("%s: %w", args[0], err)
	}
	return report.Sample{Rate: count.Rate(), Requests: count.Done, CPU: count.CPU / time.Duration(count.Done)}, nil
}

// disk measures flushes of a file in the folder of the SQLite files.
func (w *world) disk(name string) measurement {
	return measurement{
		Key: report.Key{Contender: onDisk, Work: name, Clients: 1}, during: w.options.during,
		count: func(ctx context.Context, during time.Duration) (report.Sample, error) {
			return w.ask(ctx, "disk", "-file", filepath.Join(w.stage.Dir, "flushed"), "-for", during.String(),
				"-append="+strconv.FormatBool(name == extend))
		},
	}
}

// hashes measures argon2id on a number of goroutines.
func (w *world) hashes(workers int) measurement {
	return measurement{
		Key: report.Key{Contender: onHash, Work: hash, Clients: workers},
		count: func(ctx context.Context, during time.Duration) (report.Sample, error) {
			return w.ask(ctx, "hash", "-workers", strconv.Itoa(workers), "-for", during.String())
		},
	}
}

// measureStarts starts the service without a database file, and with one that has users but no orders.
func (w *world) measureStarts(ctx context.Context, results *report.Results) error {
	fresh, old := filepath.Join(w.stage.Dir, "fresh"), filepath.Join(w.stage.Dir, "old.db")
	if err := os.Mkdir(fresh, 0o700); err != nil { //nolint:gosec // the user chooses the folder
		return err
	}
	first, err := w.stage.TimeStart(ctx, "sqlite:"+filepath.Join(fresh, "app.db"))
	if err := errors.Join(err, os.RemoveAll(fresh)); err != nil { //nolint:gosec // created above
		return err
	}
	if err := seed.Copy(w.template, old); err != nil {
		return err
	}
	again, err := w.stage.TimeStart(ctx, "sqlite:"+old)
	if err != nil {
		return err
	}
	results.AddStart(first, again)
	return nil
}
