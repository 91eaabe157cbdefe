package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is a SQLite database in WAL mode: one connection that writes, a few that only read.
type sqliteFile struct {
	path    string
	lock    *flock.Flock
	writer  *writer
	readers *readers
	copying *sql.DB // reads many rows; without a connection until somebody does

	resuming sync.Mutex
}

// The writing connection. busy_timeout comes first because the pragmas after it may already have to wait.
// synchronous=FULL puts every commit on the disk before COMMIT returns; NORMAL would lose the last ones
// with the power (https://www.sqlite.org/pragma.html#pragma_synchronous). fullfsync does the same on
// macOS, where fsync alone does not reach the platters. 16000 pages (64 MB) between checkpoints instead of
// 1000 raise the rate of inserts at ten million rows from 20,000 to 33,000 a second.
var writerPragmas = []string{
	"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)",
	"wal_autocheckpoint(16000)",
}

// The reading connections. A large cache for each makes them slower, not faster: they would compete for
// memory with each other; the mapped file is shared.
var readerPragmas = []string{
	"busy_timeout(5000)", "query_only(1)", "cache_size(-2000)", "mmap_size(2147418112)",
}

// checkPath refuses what looks like a file name but would not be read as one.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("needs a path: sqlite:PATH")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return errors.New("takes a path after the colon: sqlite:data/app.db or sqlite:/var/lib/app.db")
	case strings.HasPrefix(path, ":memory:"), strings.ContainsAny(path, "?\x00"):
		return errors.New("takes the path of a file and no options")
	}
	return nil
}

func openSQLite(ctx context.Context, path string, options Options) (_ engine, err error) {
	f := &sqliteFile{path: realPath(path)}
	defer func() {
		if err != nil {
			_ = f.close()
		}
	}()
	var marked bool
	if f.lock, marked, err = prepareFile(ctx, path, f.path); err != nil {
		return nil, err
	}
	// As durable as fsync and twice as fast on ext4: it leaves the file's timestamps to the journal. SQLite
	// uses it wherever its configure script finds it; the driver has to be asked.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	conn, err := openConnection(f.path, sqlite3.SQLITE_OPEN_READWRITE, writerPragmas)
	if err != nil {
		return nil, err
	}
	if !marked {
		if err := mark(conn); err != nil {
			return nil, errors.Join(err, conn.close())
		}
	}
	f.writer = newWriter(conn, options.Committed)
	if f.readers, err = openReaders(f.path, min(max(2, runtime.GOMAXPROCS(0)), 4)); err != nil {
		return nil, err
	}
	f.copying, err = openPool(f.path, url.Values{"_pragma": readerPragmas, "mode": {"ro"}})
	return f, err
}

// openPool opens the file for database/sql, as a pool of one connection: for what goose asks for, and for what is not
// asked for often.
func openPool(path string, options url.Values) (*sql.DB, error) {
	path, err := filepath.Abs(path) // a file: URI has no others
	if err != nil {
		return nil, err
	}
	// Only a file: URI honours mode=ro; a plain path silently ignores it.
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	if !strings.HasPrefix(uri.Path, "/") { // C:/…
		uri.Path = "/" + uri.Path
	}
	pool, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// queryRow stops all writing once a query has met a damaged page: what is written on top of damage may be
// acknowledged and never found again.
func (f *sqliteFile) queryRow(ctx context.Context, query string, args, dest []any) error {
	err := f.readers.queryRow(ctx, query, args, dest)
	if isCorruption(err) {
		f.writer.fail(fmt.Errorf("%s is damaged: %w", f.path, err))
	}
	return err
}

func (f *sqliteFile) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	single := dest == nil // what a row holds may not fit into dest after the statement has done its work
	err = f.writer.write(ctx, single, func(tx *Tx) (err error) {
		rows, err = tx.run(query, args, dest)
		return err
	})
	return rows, err
}

// insert asks SQLite for the key: RETURNING would make a temporary table for it, a fifth of the time of an INSERT.
func (f *sqliteFile) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	err = f.writer.write(ctx, true, func(tx *Tx) error {
		switch rows, err := tx.run(query, args, nil); {
		case err != nil:
			return err
		case rows == 0: // so the last key is another statement's
			return sql.ErrNoRows
		}
		id = f.writer.conn.lastInsertID()
		return nil
	})
	return id, err
}

func (f *sqliteFile) write(ctx context.Context, fn func(*Tx) error) error {
	return f.writer.write(ctx, false, fn)
}

// ping reports a file that cannot be written, too. After a failure it tries, since nobody may come any more
// who would notice that, say, the disk has room again.
func (f *sqliteFile) ping(ctx context.Context) error {
	if err := f.writer.failure(); err != nil {
		return err
	}
	if f.writer.stalled.Load() {
		if err := f.resume(ctx); err != nil {
			return err
		}
	}
	var tables int
	return f.readers.queryRow(ctx, "SELECT count(*) FROM sqlite_schema", nil, []any{&tables})
}

func (f *sqliteFile) stats() Stats { return f.readers.stats() }

// resume finds out whether a file that could not be written can be written now. It moves the log into the
// file first, which makes room: a log of many commits holds the same pages many times.
func (f *sqliteFile) resume(ctx context.Context) error {
	f.resuming.Lock()
	defer f.resuming.Unlock()
	if !f.writer.stalled.Load() {
		return nil // somebody else has found out
	}
	pool, err := openPool(f.path, url.Values{"_pragma": writerPragmas})
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	_, _ = pool.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // if it fails, there may be room all the same
	if err := checkRoom(f.path + "-room"); err != nil {
		return err
	}
	return f.write(ctx, touch)
}

// touch writes a page and changes nothing.
func touch(tx *Tx) error {
	_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", fileVersion))
	return err
}

// migrate uses a connection of its own, because the writer never gives its one away.
func (f *sqliteFile) migrate(ctx context.Context, module string, files fs.FS, check bool) error {
	pool, err := openPool(f.path, url.Values{"_pragma": writerPragmas, "_txlock": {"immediate"}})
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	if err := migrate(ctx, goose.DialectSQLite3, pool, module, files, check); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

func (f *sqliteFile) pool() *sql.DB { return f.copying }

func (f *sqliteFile) hasTable(ctx context.Context, name string) (there bool, err error) {
	const query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1"
	var tables int
	err = f.readers.queryRow(ctx, query, []any{name}, []any{&tables})
	return tables > 0, err
}

// lastID is what AUTOINCREMENT counts on from (https://www.sqlite.org/autoinc.html).
func (f *sqliteFile) lastID(ctx context.Context, table Table) (id int64, err error) {
	const query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1"
	err = f.readers.queryRow(ctx, query, []any{table.Name}, []any{&id})
	return id, err
}

func (f *sqliteFile) setLastID(ctx context.Context, table Table, id int64) error {
	return f.write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec("DELETE FROM sqlite_sequence WHERE name = $1", table.Name); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", table.Name, id)
		return err
	})
}

// lockCopy has nothing to do: the file is this process's alone.
func (f *sqliteFile) lockCopy(context.Context) (unlock func(), err error) { return func() {}, nil }

// close closes the writer's connection last: it moves the log into the file and removes it if it is the last one. Then
// it gives up the lock.
func (f *sqliteFile) close() error {
	if f.writer != nil {
		f.writer.stop()
	}
	var errs []error
	if f.copying != nil {
		errs = append(errs, f.copying.Close())
	}
	if f.readers != nil {
		errs = append(errs, f.readers.close())
	}
	if f.writer != nil {
		errs = append(errs, f.writer.conn.close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Unlock())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	return nil
}
