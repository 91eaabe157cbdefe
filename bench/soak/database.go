package soak

import (
	"context"
	"database/sql"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

const countSessions, countEvents = `SELECT count(*) FROM sessions`, `SELECT count(*) FROM order_events`

// SQLite returns the database in a file, without processes.
func SQLite(path string) Database {
	d := newDatabase("SQLite", "sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	d.WAL = walSQLite
	d.Sizes = func(ctx context.Context) (s Sizes, err error) {
		if s.Data, err = size(path); err != nil {
			return Sizes{}, err
		}
		if s.WAL, err = size(path + "-wal"); err != nil {
			return Sizes{}, err
		}
		err = d.row(ctx, countSessions, &s.Sessions)
		return s, err
	}
	return d.Database
}

// Postgres returns a database of PostgreSQL with the settings ForPostgres, without processes. Its user must be a superuser.
func Postgres(url string) Database {
	d := newDatabase("PostgreSQL", "pgx", url)
	d.WAL = walPostgres
	d.Sizes = func(ctx context.Context) (s Sizes, err error) {
		const query = `SELECT (SELECT sum(size) FROM pg_ls_waldir())::bigint, pg_database_size(current_database()), (` + countSessions + `)`
		err = d.row(ctx, query, &s.WAL, &s.Data, &s.Sessions)
		return s, err
	}
	return d.Database
}

// opened is a database with a driver.
type opened struct {
	Database
	driver, source string
}

func newDatabase(name, driver, source string) *opened {
	d := &opened{driver: driver, source: source}
	d.Name = name
	d.Events = func(ctx context.Context) (count int, err error) {
		err = d.row(ctx, countEvents, &count)
		return count, err
	}
	return d
}

// row reads one row on a connection of its own, so that nothing is left open between two.
func (d *opened) row(ctx context.Context, query string, dest ...any) error {
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(ctx, query).Scan(dest...)
}

func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
