package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"userorder/database"
	"userorder/doctor"
)

const (
	// verifyTime bounds the search for damage: on SQLite the log grows meanwhile.
	verifyTime = 3 * time.Second

	// testedPostgres is the oldest version of PostgreSQL with which this program is tested.
	testedPostgres = 15

	// Clocks that differ more than this are a warning, or a fault.
	clockWarning, clockFault = 2 * time.Second, 30 * time.Second
)

// checkedDatabase is a database that each check opens for itself: one that hangs keeps nothing that the next one needs.
type checkedDatabase struct {
	url         string
	unreachable atomic.Bool // as the check of the database has found
	stale       atomic.Bool // its tables are not those of this program, as the check of the schema has found
}

type namedCheck struct {
	name string
	run  check
}

// checks returns the checks of a database. Those that open it do nothing if the first has found it unreachable, and those that
// read its tables if that of the schema has found others.
func (d *checkedDatabase) checks() []namedCheck {
	checks := []namedCheck{
		{"database", d.checkReachable},
		{"damage", d.open(d.checkDamage)},
		{"schema", d.open(d.checkSchema)},
		{"space", d.migrated(d.checkSpace)},
		{"clock", d.migrated(d.checkClock)},
	}
	if path, ok := database.SQLitePath(d.url); ok {
		f := checkedFile(path)
		return append(checks, namedCheck{"log", f.checkLog}, namedCheck{"files", f.checkFiles}, namedCheck{"backup", d.checkBackup})
	}
	return append(checks, namedCheck{"keys", d.migrated(d.checkKeys)}, namedCheck{"encoding", d.open(d.checkEncoding)})
}

// databaseCheck is a check with the open database.
type databaseCheck = func(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding

func (d *checkedDatabase) open(run databaseCheck) check {
	return func(ctx context.Context, cfg Config) []doctor.Finding {
		if d.unreachable.Load() {
			return nil
		}
		found, err := openReadOnly(ctx, d.url, func(db *database.DB) []doctor.Finding { return run(ctx, cfg, db) })
		if err != nil {
			return failed(err)
		}
		return found
	}
}

func (d *checkedDatabase) migrated(run databaseCheck) check {
	opened := d.open(run)
	return func(ctx context.Context, cfg Config) []doctor.Finding {
		if d.stale.Load() {
			return nil
		}
		return opened(ctx, cfg)
	}
}

func (d *checkedDatabase) checkReachable(ctx context.Context, cfg Config) []doctor.Finding {
	if found := judgeFile(d.url); found != nil {
		d.unreachable.Store(true)
		return found
	}
	found, err := openReadOnly(ctx, d.url, func(db *database.DB) []doctor.Finding {
		c, err := db.Examine(ctx)
		switch {
		case err != nil:
			return failed(err)
		case c.Engine == database.SQLite:
			return []doctor.Finding{doctor.Well("%s, SQLite %s, %s", database.Redact(d.url), database.SQLiteVersion(), bytesText(c.Size))}
		case c.Major < testedPostgres:
			return []doctor.Finding{doctor.Warn("upgrade the server (https://www.postgresql.org/support/versioning/)",
				"%s is on PostgreSQL %d; the oldest version that is tested is %d", database.Redact(d.url), c.Major, testedPostgres)}
		}
		return []doctor.Finding{doctor.Well("%s, PostgreSQL %d, %s", database.Redact(d.url), c.Major, bytesText(c.Size))}
	})
	if err == nil {
		return found
	}
	d.unreachable.Store(true)
	if missing := database.RequireFile(d.url); missing != nil && errors.Is(err, fs.ErrNotExist) {
		remedy := "start the service, which makes a new one; if there was one, " + cfg.settingOf(d.url) + " names another path, or restore a backup"
		return []doctor.Finding{doctor.Fail(remedy, "there is no file %s", strings.TrimPrefix(d.url, "sqlite:"))}
	}
	return []doctor.Finding{fault(err, "correct "+cfg.settingOf(d.url)+", or what it names")}
}

// judgeFile finds a file that a start of the service would replace or fill.
func judgeFile(url string) []doctor.Finding {
	if copied := database.InterruptedRestore(url); copied != "" {
		return []doctor.Finding{doctor.Warn("start the service, which puts it in place", "a restore was interrupted: %s is complete", copied)}
	}
	if database.IsEmptied(url) {
		return []doctor.Finding{doctor.Fail("restore a backup if there was a database; if not, start the service, which fills it",
			"%s is empty", strings.TrimPrefix(url, "sqlite:"))}
	}
	return nil
}

func (d *checkedDatabase) checkDamage(ctx context.Context, _ Config, db *database.DB) []doctor.Finding {
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	damage, complete, err := db.Verify(ctx)
	if err != nil {
		return failed(err)
	}
	var found []doctor.Finding
	for _, part := range damage {
		found = append(found, doctor.Fail(part.Remedy, "%s", part.Found))
	}
	switch {
	case found != nil:
	case complete:
		found = append(found, doctor.Well("none"))
	default:
		found = append(found, doctor.Well("none in the first %s; userorder backup reads everything", verifyTime))
	}
	return found
}

func (d *checkedDatabase) checkSchema(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	var found []doctor.Finding
	for _, m := range cfg.servedFrom(d.url) {
		err := m.migrate(ctx, db) // which only checks
		if err == nil {
			found = append(found, doctor.Well("the tables of %s are up to date", m.name))
			continue
		}
		d.stale.Store(true)
		finding := failed(err)[0]
		switch pending := errors.Is(err, database.ErrPending); {
		case pending && !cfg.Database.CheckOnly:
			finding.State, finding.Remedy = doctor.Warning, "start this version of the service, or run userorder migrate"
		case pending:
			finding.Remedy = "run userorder migrate, since AUTO_MIGRATE is false"
		}
		found = append(found, finding)
	}
	return found
}

func (d *checkedDatabase) checkKeys(ctx context.Context, cfg Config, db *database.DB) (found []doctor.Finding) {
	for _, m := range cfg.servedFrom(d.url) {
		for _, table := range m.tables {
			err := db.RequireNewKeys(ctx, []database.Table{table})
			if err == nil {
				continue
			}
			behind, statement, known := strings.Cut(err.Error(), ": run ")
			if !known {
				return append(found, failed(err)...)
			}
			found = append(found, doctor.Fail("run "+statement, "%s", behind))
		}
	}
	if found == nil {
		found = append(found, doctor.Well("no sequence is behind its table"))
	}
	return found
}

func (d *checkedDatabase) checkEncoding(ctx context.Context, _ Config, db *database.DB) []doctor.Finding {
	c, err := db.Examine(ctx)
	switch {
	case err != nil:
		return failed(err)
	case c.Recollated:
		return []doctor.Finding{doctor.Warn("REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION",
			"%s, whose order has changed with a library of the server", c.Text)}
	}
	return []doctor.Finding{doctor.Well("%s", c.Text)}
}

// checkClock compares this machine's clock with that of a PostgreSQL server, and with the newest rows.
func (d *checkedDatabase) checkClock(ctx context.Context, cfg Config, db *database.DB) (found []doctor.Finding) {
	c, err := db.Examine(ctx)
	if err != nil {
		return failed(err)
	}
	found = judgeClock(c.Ahead.Abs(), "the clock of the database differs by")
	for _, m := range cfg.servedFrom(d.url) {
		newest, err := m.newest(ctx, db)
		if err != nil {
			return append(found, failed(err)...)
		}
		what := fmt.Sprintf("the newest row of %s is of %s, ahead of this clock by", m.name, newest.UTC().Format(time.RFC3339))
		found = append(found, judgeClock(time.Until(newest), what)...)
	}
	switch {
	case found != nil:
	case c.Engine == database.SQLite:
		found = append(found, doctor.Well("no row is of the future"))
	default:
		found = append(found, doctor.Well("that of the database agrees within %s, and no row is of the future", clockWarning))
	}
	return found
}

// judgeClock returns nothing if a difference is small.
func judgeClock(difference time.Duration, what string) []doctor.Finding {
	const remedy = "synchronize the clocks of all machines, by NTP"
	rounded := difference.Round(100 * time.Millisecond)
	switch {
	case difference > clockFault:
		return []doctor.Finding{doctor.Fail(remedy, "%s %s", what, rounded)}
	case difference > clockWarning:
		return []doctor.Finding{doctor.Warn(remedy, "%s %s", what, rounded)}
	}
	return nil
}
