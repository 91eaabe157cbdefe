package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/report"
	"userorder/bench/soak"
)

// soakFor serves a shop's requests to one process on SQLite and to three on PostgreSQL for a long time, and writes what
// grew. Args are those of the command.
func soakFor(ctx context.Context, args []string) error {
	plan := soak.Plan{}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.DurationVar(&plan.Time, "time", 10*time.Minute, "how long; growth is judged from 5 minutes on")
	flags.IntVar(&plan.Rate, "rate", 100, "visits per second and database")
	service := flags.String("service", "..", "source folder of the service")
	folder := flags.String("dir", scratch(), "folder of the databases")
	out := flags.String("out", "", "folder of the results (results, or quick for less than 5 minutes)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || plan.Rate < soak.MinRate || plan.Time < 20*time.Second {
		return fmt.Errorf("expected only flags, -rate of at least %d and -time of at least 20s: %q", soak.MinRate, args)
	}
	p := newProgress(os.Stderr)
	return withFolder(*folder, p, func(dir string, group *process.Group) error {
		s, err := newSoaked(ctx, plan, *service, dir, group, p)
		if err != nil {
			return err
		}
		defer s.close()
		return s.run(ctx, *out)
	})
}

// run serves the requests and writes the report into a folder. Its error says what is wrong.
func (s *soaked) run(ctx context.Context, folder string) error {
	began := time.Now()
	result, err := soak.Run(ctx, s.plan, secret, s.control, s.databases, s.progress.note)
	if err != nil {
		return err
	}
	if err := s.readLog(result); err != nil {
		return err
	}
	if folder == "" {
		folder = map[bool]string{true: "results", false: "quick"}[result.Judged()]
	}
	if err := s.write(result, folder, began); err != nil {
		return err
	}
	if count := len(result.Failures); count > 0 {
		return fmt.Errorf("%d failures:\n%s", count, strings.Join(result.Failures[:min(count, 10)], "\n"))
	}
	if !result.Judged() {
		s.progress.note("every response was as expected; the run was too short to judge growth")
		return nil
	}
	s.progress.note("nothing grew, and every response was as expected")
	return nil
}

// soaked is what runs during a soak.
type soaked struct {
	plan      soak.Plan
	stage     contender.Stage
	progress  *progress
	machine   report.Machine
	control   string // address of a server that does nothing
	databases []soak.Database
}

func newSoaked(ctx context.Context, plan soak.Plan, service, dir string, group *process.Group, p *progress) (*soaked, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &soaked{
		plan: plan, progress: p, machine: report.ThisMachine(dir),
		stage: contender.Stage{
			Group: group, Ports: &process.Ports{}, Dir: dir, Service: filepath.Join(dir, "userorder"), Self: self, Secret: secret,
		},
	}
	s.machine.Commit = commit(ctx, service)
	p.step("build the service")
	if err := compile(ctx, service, s.stage.Service); err != nil {
		return nil, err
	}
	control, err := s.stage.Limit(ctx, "bare")
	if err != nil {
		return nil, err
	}
	s.control = control.Address
	p.step("start the service on SQLite")
	if err := s.startSQLite(ctx); err != nil {
		return nil, err
	}
	p.step("start the service on PostgreSQL")
	if err := s.startPostgres(ctx); errors.Is(err, contender.ErrMissing) {
		p.note("skipped: %v", err)
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *soaked) startSQLite(ctx context.Context) error {
	path, backups := filepath.Join(s.stage.Dir, "soak.db"), filepath.Join(s.stage.Dir, "backups")
	if err := os.Mkdir(backups, 0o700); err != nil {
		return err
	}
	d := soak.SQLite(path)
	if err := s.start(ctx, &d, "sqlite:"+path, s.plan.Backups(backups), "SQLite"); err != nil {
		return err
	}
	s.databases = append(s.databases, d)
	return nil
}

func (s *soaked) startPostgres(ctx context.Context) error {
	server, err := s.stage.NewPostgres(ctx)
	if err != nil {
		return err
	}
	if err := server.Start(ctx, s.stage.Group, soak.ForPostgres...); err != nil {
		return err
	}
	s.machine.Postgres = "PostgreSQL " + server.Version
	d := soak.Postgres(server.URL("postgres"))
	if err := s.start(ctx, &d, server.URL("postgres"), nil, "PostgreSQL, first", "PostgreSQL, second", "PostgreSQL, third"); err != nil {
		return err
	}
	s.databases = append(s.databases, d)
	return nil
}

// start starts a receiver, and a process of the service for each name.
func (s *soaked) start(ctx context.Context, d *soak.Database, url string, settings []string, names ...string) error {
	port, err := s.stage.Ports.Free(ctx)
	if err != nil {
		return err
	}
	address := fmt.Sprint("127.0.0.1:", port)
	if d.Receiver, err = soak.Listen(ctx, address, hookSecret); err != nil {
		return err
	}
	settings = append(append(hookTo(address), s.plan.Settings()...), settings...)
	for _, name := range names {
		port, err := s.stage.Ports.Free(ctx)
		if err != nil {
			return err
		}
		ops := fmt.Sprint("127.0.0.1:", port)
		server, err := s.stage.Start(ctx, url, append(settings, "OPS_ADDR="+ops)...)
		if err != nil {
			return err
		}
		d.Processes = append(d.Processes, soak.Process{Name: name, Address: server.Address, Ops: ops, Process: server.Process})
	}
	return nil
}

func (s *soaked) close() {
	for _, d := range s.databases {
		_ = d.Receiver.Close()
	}
}

// readLog adds the errors in the log of all processes to the failures.
func (s *soaked) readLog(result *soak.Result) error {
	log, err := os.Open(filepath.Join(s.stage.Dir, "service.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	const shown = 10
	count := 0
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), " level=ERROR ") {
			continue
		}
		if count++; count <= shown {
			result.Failures = append(result.Failures, "in the log: "+lines.Text())
		}
	}
	if count > shown {
		result.Failures = append(result.Failures, fmt.Sprintf("in the log: %d more errors", count-shown))
	}
	return lines.Err()
}

// write writes the report and its picture.
func (s *soaked) write(result *soak.Result, folder string, began time.Time) error {
	name := "soak-" + began.UTC().Format(time.DateOnly)
	if !result.Judged() {
		name = "soak"
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // results are public
		return err
	}
	table, picture := filepath.Join(folder, name+".md"), filepath.Join(folder, name+".svg")
	if err := os.WriteFile(table, []byte(result.Markdown(began, filepath.Base(picture), s.machine)), 0o644); err != nil { //nolint:gosec // results are public
		return err
	}
	if err := result.Draw(picture); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	if here, err := filepath.Abs(folder); err == nil {
		s.progress.note("written: %s.md and .svg in %s", name, here)
	}
	return nil
}
