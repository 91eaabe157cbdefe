package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/report"
	"userorder/bench/seed"
	"userorder/bench/work"
)

// world is everything that runs during the measurements. Servers that wait for their turn use memory, but hardly any
// CPU.
type world struct {
	stage       contender.Stage
	options     options
	progress    *progress
	tokens      work.Tokens
	sessionless work.Tokens // of the same users
	bearers     work.Bearers
	staff       string           // a token
	template    string           // path of a database with the users, which no service opens
	nobody      string           // address of a receiver that is down
	before      *contender.Stage // starts the release before; nil if it was not built

	bare, gin        *contender.Server
	sqlite, postgres *engine // postgres is nil if it is not installed
	flask            *flask  // nil if it is not installed
	pocketBase       *work.PocketBase
	peers            []peer // none if PocketBase cannot be built
	machine          report.Machine
}

// engine is the service on one kind of database: a process for each size, one for writes, one for writes by many users
// beside the release before, and on SQLite one with the request log on.
type engine struct {
	name, nameBefore string

	queried      map[string]*contender.Server // by the id of the size
	written      *contender.Server
	many, before *contender.Server // before is nil if it was not built
	logging      *contender.Server // SQLite only
	made         work.Made         // orders on written

	sessions []string // refresh tokens on written

	webhook webhook
}

// flask is the Flask app: a process for each size, and two for writes, which restart every round.
type flask struct {
	app            *contender.Flask
	queried        map[string]*contender.Server
	written, mixed *contender.Server
	tokens         work.Tokens
	made           work.Made // orders on written
}

// secret signs the tokens of all contenders.
const secret = "a secret for the benchmark that is long enough"

func newWorld(ctx context.Context, o options, dir string, group *process.Group, p *progress) (*world, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &world{
		options: o, progress: p, template: filepath.Join(dir, "template.db"),
		stage: contender.Stage{
			Group: group, Ports: &process.Ports{}, Dir: dir, Service: filepath.Join(dir, "userorder"), Self: self, Secret: secret,
		},
	}
	w.machine = report.ThisMachine(dir)
	w.machine.Commit = commit(ctx, o.service)
	if w.machine.Filesystem == "tmpfs" {
		w.machine.Filesystem += ", which is not a disk: nothing was durable; choose another folder with -dir"
		p.note("%s is on tmpfs, which is not a disk: choose another folder with -dir", dir)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"build the service", w.build},
		{"build the release before", w.buildBefore},
		{"register users", w.join},
		{"reserve a port", w.reserve},
		{"start the service on SQLite", w.startSQLite},
		{"start the service on PostgreSQL", w.startPostgres},
		{"start Flask", w.startFlask},
		{"build and start PocketBase", w.startPocketBase},
		{"start the limits", w.startLimits},
	} {
		p.step("%s", step.name)
		err := step.do(ctx)
		switch {
		case errors.Is(err, contender.ErrMissing), errors.Is(err, errNoHistory):
			p.note("skipped: %v", err)
			w.machine.Skipped = append(w.machine.Skipped, err.Error())
		case err != nil:
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return w, nil
}

func (w *world) build(ctx context.Context) error {
	return compile(ctx, w.options.service, w.stage.Service)
}

// tags are those of the service's Makefile.
const tags = "nomsgpack,grpcnotrace,validator_novalidatefn"

// compile builds the service in a folder as make build does.
func compile(ctx context.Context, folder, binary string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", tags, "-ldflags", "-s -w", //nolint:gosec // ours
		"-o", binary, ".")
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// commit returns the commit that the service is built from, or "unknown".
func commit(ctx context.Context, folder string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output() //nolint:gosec // ours
		return strings.TrimSpace(string(out)), err
	}
	hash, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no"); err != nil || changed != "" {
		hash += ", with changes"
	}
	return hash
}

// join creates the database that the others are copied from, and the tokens of users without an account.
func (w *world) join(ctx context.Context) (err error) {
	if w.staff, err = work.SignStaff(secret); err != nil {
		return err
	}
	if w.bearers, err = work.Sign(secret); err != nil {
		return err
	}
	if w.sessionless, err = work.SignUsers(secret); err != nil {
		return err
	}
	server, err := w.stage.Start(ctx, "sqlite:"+w.template)
	if err != nil {
		return err
	}
	if w.tokens, err = work.Join(ctx, server.Address); err != nil {
		return err
	}
	return server.Process.Stop()
}

func (w *world) startLimits(ctx context.Context) (err error) {
	var errs [2]error
	w.bare, errs[0] = w.stage.Limit(ctx, "bare")
	w.gin, errs[1] = w.stage.Limit(ctx, "gin")
	return errors.Join(errs[:]...)
}

// onFile starts the service on a SQLite file of its own with seeded orders.
func (w *world) onFile(ctx context.Context, id string, orders int, settings ...string) (*contender.Server, error) {
	path := filepath.Join(w.stage.Dir, id+".db")
	if err := seed.SQLite(ctx, w.template, path, orders); err != nil {
		return nil, err
	}
	return w.stage.Start(ctx, "sqlite:"+path, settings...)
}

func (w *world) startSQLite(ctx context.Context) error {
	w.sqlite = &engine{name: onSQLite, nameBefore: beforeSQLite, queried: map[string]*contender.Server{}}
	for _, s := range w.options.sizes {
		w.progress.step("SQLite: %s orders", s.name)
		server, err := w.onFile(ctx, "orders_"+s.id, s.orders)
		if err != nil {
			return err
		}
		w.sqlite.queried[s.id] = server
	}
	var errs [5]error
	w.sqlite.written, errs[0] = w.onFile(ctx, "written", small.orders)
	w.sqlite.many, errs[1] = w.onFile(ctx, "many", small.orders)
	w.sqlite.logging, errs[2] = w.onFile(ctx, "logging", small.orders, "LOG_LEVEL=info")
	errs[3] = w.startWebhookSQLite(ctx)
	if w.before != nil {
		errs[4] = w.startBefore(ctx)
	}
	return errors.Join(errs[:]...)
}
