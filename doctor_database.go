package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// examined is a database that checks look at, each for itself: one that hangs keeps nothing that the next one needs.
type examined struct {
	url         string
	unreachable atomic.Bool // as the check of the database has found
	stale       atomic.Bool // its tables are not those of this program, as the check of the schema has found
}

type namedCheck struct {
	name string
	look check
}

// checks returns the checks of a database. Those after the first do nothing if it is unreachable, and those after that of
// the schema if the tables are not the right ones.
func (d *examined) checks() []namedCheck {
	checks := []namedCheck{
		{"database", d.checkReachable},
		{"damage", d.open(d.checkDamage)},
		{"schema", d.open(d.checkSchema)},
		{"space", d.migrated(d.checkSpace)},
		{"clock", d.migrated(d.checkClock)},
	}
	if path, ok := database.SQLitePath(d.url); ok {
		f := examinedFile(path)
		return append(checks, namedCheck{"log", f.checkLog}, namedCheck{"files", f.checkFiles}, namedCheck{"backup", d.checkBackup})
	}
	return append(checks, namedCheck{"keys", d.migrated(d.checkKeys)}, namedCheck{"encoding", d.open(d.checkEncoding)})
}

// databaseCheck is a check with the open database.
type databaseCheck = func(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding

func (d *examined) open(look databaseCheck) check {
	return func(ctx context.Context, cfg Config) []doctor.Finding {
		if d.unreachable.Load() {
			return nil
		}
		found, err := openExamined(ctx, d.url, func(db *database.DB) []doctor.Finding { return look(ctx, cfg, db) })
		if err != nil {
			return failed(err)
		}
		return found
	}
}

func (d *examined) migrated(look databaseCheck) check {
	opened := d.open(look)
	return func(ctx context.Context, cfg Config) []doctor.Finding {
		if d.stale.Load() {
			return nil
		}
		return opened(ctx, cfg)
	}
}

func (d *examined) checkReachable(ctx context.Context, cfg Config) []doctor.Finding {
	found, err := openExamined(ctx, d.url, func(db *database.DB) []doctor.Finding {
		c, err := db.Examine(ctx)
		switch {
		case err != nil:
			return failed(err)
		case c.Major != 0 && c.Major < testedPostgres:
			return []doctor.Finding{doctor.Warn("upgrade the server (https://www.postgresql.org/support/versioning/)",
				"%s is on PostgreSQL %d; the oldest version that is tested is %d", database.Redact(d.url), c.Major, testedPostgres)}
		case c.Major != 0:
			return []doctor.Finding{doctor.Well("%s, PostgreSQL %d, %s", database.Redact(d.url), c.Major, bytesText(c.Size))}
		}
		return []doctor.Finding{doctor.Well("%s, SQLite %s, %s", database.Redact(d.url), database.SQLiteVersion(), bytesText(c.Size))}
	})
	if err == nil {
		return found
	}
	d.unreachable.Store(true)
	if missing := database.RequireFile(d.url); missing != nil && errors.Is(err, fs.ErrNotExist) {
		remedy := "start the service, which makes a new one; if there was one, " + cfg.settingOf(d.url) + " names another path, or restore a backup"
		return []doctor.Finding{doctor.Fail(remedy, "there is no file %s", strings.TrimPrefix(d.url, "sqlite:"))}
	}
	fault, remedy := database.Explain(err)
	if remedy == "" {
		remedy = "correct " + cfg.settingOf(d.url) + ", or what it names"
	}
	return []doctor.Finding{doctor.Fail(remedy, "%s", fault)}
}

func (d *examined) checkDamage(ctx context.Context, _ Config, db *database.DB) []doctor.Finding {
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

func (d *examined) checkSchema(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	var found []doctor.Finding
	for _, m := range cfg.served() {
		if cfg.DatabaseURLs[m.name] != d.url {
			continue
		}
		err := m.migrate(ctx, db) // which only checks
		if err == nil {
			found = append(found, doctor.Well("the tables of %s are up to date", m.name))
			continue
		}
		d.stale.Store(true)
		fault, remedy := database.Explain(err)
		switch pending := errors.Is(err, database.ErrPending); {
		case pending && !cfg.Database.CheckOnly:
			found = append(found, doctor.Warn("start this version of the service, or run userorder migrate", "%s", fault))
		case pending:
			found = append(found, doctor.Fail("run userorder migrate, since AUTO_MIGRATE is false", "%s", fault))
		default:
			found = append(found, doctor.Fail(remedy, "%s", fault))
		}
	}
	return found
}

func (d *examined) checkKeys(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	for _, m := range cfg.served() {
		if cfg.DatabaseURLs[m.name] != d.url {
			continue
		}
		if err := db.RequireNewKeys(ctx, m.tables); err != nil {
			fault, statement, known := strings.Cut(err.Error(), ": run ")
			if !known {
				return failed(err)
			}
			return []doctor.Finding{doctor.Fail("run "+statement, "%s", fault)}
		}
	}
	return []doctor.Finding{doctor.Well("no sequence is behind its table")}
}

func (d *examined) checkEncoding(ctx context.Context, _ Config, db *database.DB) []doctor.Finding {
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
func (d *examined) checkClock(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	c, err := db.Examine(ctx)
	if err != nil {
		return failed(err)
	}
	if found, differs := judgeClock(c.Ahead.Abs(), "the clock of the database differs by"); differs {
		return []doctor.Finding{found}
	}
	for _, m := range cfg.served() {
		if cfg.DatabaseURLs[m.name] != d.url {
			continue
		}
		newest, err := m.newest(ctx, db)
		if err != nil {
			return failed(err)
		}
		what := fmt.Sprintf("the newest row of %s is of %s, ahead of this clock by", m.name, newest.UTC().Format(time.RFC3339))
		if found, differs := judgeClock(time.Until(newest), what); differs {
			return []doctor.Finding{found}
		}
	}
	if c.Major != 0 {
		return []doctor.Finding{doctor.Well("that of the database agrees within %s, and no row is of the future", clockWarning)}
	}
	return []doctor.Finding{doctor.Well("no row is of the future")}
}

func judgeClock(difference time.Duration, what string) (found doctor.Finding, differs bool) {
	const remedy = "synchronize the clocks of all machines, by NTP"
	rounded := difference.Round(100 * time.Millisecond)
	switch {
	case difference > clockFault:
		return doctor.Fail(remedy, "%s %s", what, rounded), true
	case difference > clockWarning:
		return doctor.Warn(remedy, "%s %s", what, rounded), true
	}
	return found, false
}

// bytesText returns a number of bytes for people.
func bytesText(n int64) string {
	const unit = 1024
	value, units := float64(n), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	if units[0] == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// fileMode returns the mode of a file if other users can read or change it, else 0.
func fileMode(path string) fs.FileMode {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&0o066 == 0 {
		return 0
	}
	return info.Mode()
}
