package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"userorder/bench/contender"
	"userorder/bench/report"
	"userorder/bench/seed"
)

// previous is the commit of the release before this one, the last in which orders had no events, lists and idempotency
// keys. The targets that compare creates with it say what these may cost.
const previous = "ba023b65e11d6d3857c071a9b62075e21387e60a"

// errNoHistory means that the release before cannot be built, as from a shallow clone or a tarball.
var errNoHistory = errors.New("no git history that has it")

// buildBefore builds the release before from the history of the service's folder.
func (w *world) buildBefore(ctx context.Context) error {
	if !slices.ContainsFunc(beforeRows(), func(row report.Key) bool { return w.options.wants(row.Contender, row.Work, row.Clients) }) {
		return nil
	}
	source := filepath.Join(w.stage.Dir, "before")
	if err := unpack(ctx, w.options.service, previous, source); err != nil {
		return err
	}
	stage := w.stage
	stage.Service = filepath.Join(w.stage.Dir, "userorder-before")
	if err := compile(ctx, source, stage.Service); err != nil {
		return err
	}
	w.before, w.machine.Before = &stage, previous[:12]
	return nil
}

// beforeRows lists the rows of the release before.
func beforeRows() []report.Key {
	rows := []report.Key{
		at(beforeSQLite, byMany, crowds[2]), at(beforePostgres, byMany, crowds[2]),
		at(beforePostgres, queryOf(small), clients), at(beforePostgres, mix, crowds[2]),
	}
	for _, crowd := range crowds {
		rows = append(rows, at(beforePostgres, create, crowd))
	}
	return rows
}

// unpack unpacks the files of a commit into the folder to.
func unpack(ctx context.Context, repository, commit, to string) error {
	archive, err := filepath.Abs(to + ".zip")
	if err != nil {
		return err
	}
	git := exec.CommandContext(ctx, "git", "-C", repository, "archive", "--format=zip", "--output="+archive, commit) //nolint:gosec // ours
	if git.Run() != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("the release before, %.12s: %w", commit, errNoHistory))
	}
	files, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	return errors.Join(os.CopyFS(to, files), files.Close(), os.Remove(archive))
}

// startBefore starts the release before on a SQLite file of its own. Its users have no accounts there.
func (w *world) startBefore(ctx context.Context) error {
	empty, path := filepath.Join(w.stage.Dir, "empty_before.db"), filepath.Join(w.stage.Dir, "before.db")
	if err := makeTables(ctx, *w.before, "sqlite:"+empty); err != nil {
		return err
	}
	if err := seed.SQLite(ctx, empty, path, small.orders); err != nil {
		return err
	}
	var err error
	w.sqlite.before, err = w.before.Start(ctx, "sqlite:"+path)
	return err
}

// makeTables has the service of a stage create its tables in a database.
func makeTables(ctx context.Context, stage contender.Stage, database string, settings ...string) error {
	service, err := stage.Start(ctx, database, settings...)
	if err != nil {
		return err
	}
	return service.Process.Stop()
}
