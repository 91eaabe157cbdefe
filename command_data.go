package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"userorder/database"
	"userorder/telemetry"
	"userorder/user"
)

// backup copies the database to a file, while the service may go on.
func backup(ctx context.Context, cfg Config, in invocation) error {
	url, err := cfg.onlyDatabaseURL()
	if err != nil {
		return err
	}
	path := in.operands[0]
	if path == "" {
		return usage("backup takes FILE, which is empty")
	}
	if err := database.RequireFile(url); err != nil {
		return fmt.Errorf("%s: %w", cfg.settingOf(url), err)
	}
	if err := database.Backup(ctx, url, path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "%s is a copy of %s, checked and on the disk.\n", path, url)
	return err
}

// restore puts a copy of a backup in the place of the database, while the service is stopped.
func restore(ctx context.Context, cfg Config, in invocation) error {
	url, err := cfg.onlyDatabaseURL()
	if err != nil {
		return err
	}
	path := in.operands[0]
	kept, err := database.Restore(ctx, url, path, func(ctx context.Context, db *database.DB) error {
		for _, m := range cfg.served() {
			if err := m.migrate(ctx, db); err != nil { // the backup may be of an earlier release, or of a later one
				return err
			}
		}
		if cfg.DatabaseURLs[accountsModule] != url {
			return nil
		}
		return user.Restored(ctx, db)
	})
	if err != nil {
		return err
	}
	before := "There was none before."
	if kept != "" {
		before = "What was there before is " + kept + "."
	}
	_, err = fmt.Fprintf(in.stdout, "%s is a copy of %s, checked and on the disk. %s\n", url, path, before)
	return err
}

// migrate brings the tables of the served modules up to date.
func migrate(ctx context.Context, cfg Config, in invocation) (err error) {
	cfg.Database.CheckOnly = false
	cfg.Database.Log = telemetry.NewLogger(telemetry.LogConfig{Level: cfg.LogLevel, JSON: cfg.LogJSON, NoColor: true}, in.stdout)
	opened, err := openDatabases(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	for _, m := range cfg.served() {
		if err := m.migrate(ctx, opened[m.name]); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(in.stdout, "The tables of %s in %s are up to date.\n", m.name, database.Redact(cfg.DatabaseURLs[m.name]))
	}
	return nil
}

// migrateData copies the tables of the served modules from one database to another.
func migrateData(ctx context.Context, cfg Config, in invocation) (err error) {
	flags := flag.NewFlagSet("migrate-data", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	source, target := flags.String("from", "", ""), flags.String("to", "", "")
	if flags.Parse(in.operands) != nil || flags.NArg() > 0 || *source == "" || *target == "" {
		return usage("migrate-data takes --from URL --to URL")
	}
	if err := checkMove(*source, *target); err != nil {
		return err
	}
	from, err := openSource(ctx, *source)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := database.Open(ctx, *target, database.Options{Unfinished: true})
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()

	var tables []database.Table
	for _, m := range cfg.served() {
		if err := m.migrate(ctx, from); err != nil { // which only checks: both sides must have the same columns
			return err
		}
		tables = append(tables, m.tables...)
	}
	makeTables := func(ctx context.Context, db *database.DB) error {
		var errs []error
		for _, m := range cfg.served() {
			errs = append(errs, m.migrate(ctx, db))
		}
		return errors.Join(errs...)
	}
	err = database.Copy(ctx, from, to, makeTables, tables, progressOf(in.stdout))
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted: run it again, which starts it over")
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "All rows of %s are in %s, and equal. Set DATABASE_URL to it%s and start the service.\n",
		database.Redact(*source), database.Redact(*target), keepSecret(*source))
	return err
}

// keepSecret says how everybody stays logged in after a move from a SQLite file.
func keepSecret(source string) string {
	path := secretPath([]string{source})
	if !isFile(path) {
		return ""
	}
	return ", keep the secret by JWT_SECRET_FILE=" + path
}

// openSource opens the source of a copy. It creates no file and migrates nothing.
func openSource(ctx context.Context, url string) (*database.DB, error) {
	if err := database.RequireFile(url); err != nil {
		return nil, err
	}
	return database.Open(ctx, url, database.Options{CheckOnly: true})
}

// errOptions is wrapped by errors about the values of options.
var errOptions = errors.New("wrong options")

// checkMove returns an error with one sentence for each fault of the options of migrate-data.
func checkMove(source, target string) error {
	var faults []string
	for _, option := range []struct{ name, url string }{{"--from", source}, {"--to", target}} {
		if err := database.CheckURL(option.url); err != nil {
			faults = append(faults, fmt.Sprintf("%s %s.", option.name, err))
		}
	}
	if source == target || database.SameFile(source, target) {
		faults = append(faults, "--from and --to name the same database.")
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%s", errOptions, strings.Join(faults, "\n"))
}

// progressOf writes a line a second, and one for the end of each table.
func progressOf(stdout io.Writer) func(table string, done, total int64) {
	var last time.Time
	return func(table string, done, total int64) {
		if done == total || time.Since(last) > time.Second {
			last = time.Now()
			_, _ = fmt.Fprintf(stdout, "%s: %d of %d rows\n", table, done, total)
		}
	}
}
