package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	modernc "modernc.org/sqlite"

	"userorder/database/sqlite"
)

// sqliteFile is the engine for a SQLite file in WAL mode: one connection that writes, a few that only read.
type sqliteFile struct {
	path    string
	lock    *flock.Flock
	writer  *writer
	readers *readers
	copying *sql.DB // for Copy; connects on first use

	resuming sync.Mutex
}

// writerPragmas configure the writing connection. busy_timeout comes first because the pragmas after it may have to wait
// already. synchronous=FULL puts every commit on disk before COMMIT returns; NORMAL could lose the last ones in a power
// failure (https://www.sqlite.org/pragma.html#pragma_synchronous). fullfsync is needed on macOS, where fsync alone does
// not reach the platters. Checkpoints every 16,000 pages (64 MB) instead of 1,000 raise the rate of inserts at ten
// million rows from 20,000 to 33,000 a second. secure_delete=ON overwrites with zeros what a statement deletes or
// replaces; FAST would spare whole pages that become free, at the same cost of an insert or an update.
var writerPragmas = []string{
	"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)",
	"wal_autocheckpoint(16000)", "secure_delete(ON)",
}

// readerPragmas configure the reading connections. A larger cache would make them slower: they would compete for memory,
// while the mapped file is shared.
var readerPragmas = []string{
	"busy_timeout(5000)", "query_only(1)", "cache_size(-2000)", "mmap_size(2147418112)",
}

func openSQLite(ctx context.Context, path string, options Options) (_ engine, err error) {
	if options.Beside {
		return openBeside(ctx, path, options.ReadOnly)
	}
	f := &sqliteFile{path: realPath(path)}
	defer func() {
		if err != nil {
			_ = f.close()
			err = explainFull(err)
		}
	}()
	var marked bool
	if f.lock, marked, err = prepareFile(ctx, path, f.path, options.Log); err != nil {
		return nil, err
	}
	// fdatasync is as durable as fsync and twice as fast on ext4, since it does not wait for the file's timestamps.
	// SQLite's configure script selects it where available; the translated code needs this call.
	if _, err := modernc.Fdatasync(true); err != nil && !errors.Is(err, modernc.ErrFdatasyncUnavailable) {
		return nil, err
	}
	conn, err := sqlite.Open(f.path, sqlite.ReadWrite, writerPragmas...)
	if err != nil {
		return nil, err
	}
	if !marked {
		if err := mark(conn); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	watch, err := newWatch(conn, path, f.path, options.Log)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	f.writer = newWriter(conn, watch, options.Committed)
	if f.readers, err = openReaders(f.path, min(max(2, runtime.GOMAXPROCS(0)), 4)); err != nil {
		return nil, err
	}
	f.copying, err = openPool(f.path, url.Values{"_pragma": readerPragmas, "mode": {"ro"}})
	return f, err
}

// openPool opens the file through database/sql, which goose needs, with one connection.
func openPool(path string, options url.Values) (*sql.DB, error) {
	path, err := filepath.Abs(path) // as a file: URI requires
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

func (f *sqliteFile) queryRow(ctx context.Context, query string, args, dest []any) error {
	return f.judge(f.readers.queryRow(ctx, query, args, dest))
}

// confirm only reads: SQLite shows no commit to others before it is on disk.
func (f *sqliteFile) confirm(ctx context.Context, query string, args, dest []any) error {
	return f.queryRow(ctx, query, args, dest)
}

func (f *sqliteFile) each(ctx context.Context, query string, args []any, begin func(), row rowFunc) error {
	begin()
	return f.judge(f.readers.each(ctx, query, args, row))
}

// judge stops all writing if a query has met a damaged page: rows written on top of damage may be acknowledged and never
// found again.
func (f *sqliteFile) judge(err error) error {
	if isCorruption(err) {
		f.writer.fail(fmt.Errorf("%s is damaged: %w", f.path, err))
	}
	return refuseWrite(err)
}

func (f *sqliteFile) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	single := dest == nil // otherwise the row may not fit dest after the statement has made its changes
	err = f.writer.write(ctx, single, func(tx *Tx) (err error) {
		rows, err = tx.runner.run(query, args, dest)
		return err
	})
	return rows, err
}

func (f *sqliteFile) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	err = f.writer.write(ctx, true, func(tx *Tx) (err error) {
		id, err = tx.runner.insert(query, args)
		return err
	})
	return id, err
}

func (f *sqliteFile) write(ctx context.Context, fn func(*Tx) error) error {
	return f.writer.write(ctx, false, fn)
}

// ping also fails if the file cannot be written. After a lost group it tries a write itself: while the service is not
// ready, no request comes that would find out that, say, the disk has room again.
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
	return f.queryRow(ctx, "SELECT count(*) FROM sqlite_schema", nil, []any{&tables})
}

// requireNewKeys has nothing to do: SQLite generates keys beyond the highest one in the table, whatever its sequence says.
func (f *sqliteFile) requireNewKeys(context.Context, []Table) error { return nil }

// settled returns the highest key: SQLite has one writer at a time, so no row with a lower one can follow.
func (f *sqliteFile) settled(ctx context.Context, table string) (id int64, err error) {
	return lastKey(ctx, f, table)
}

func (f *sqliteFile) stats() Stats { return f.readers.stats() }

// resume finds out whether the file can be written again. It first moves the log into the file, which frees space: the
// log of many commits holds many versions of the same pages. It does not wait long for a read that is in the way: Litestream reads all
// the time, the writer waits meanwhile, and a probe may give up after a second.
func (f *sqliteFile) resume(ctx context.Context) error {
	f.resuming.Lock()
	defer f.resuming.Unlock()
	if !f.writer.stalled.Load() {
		return nil // another ping was faster
	}
	pool, err := openPool(f.path, url.Values{"_pragma": writerPragmas, "mode": {"rw"}}) // not another file, if this one is gone
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	_, _ = pool.ExecContext(ctx, "PRAGMA busy_timeout = 100; PRAGMA wal_checkpoint(TRUNCATE)") // if it fails, there may still be room
	if err := requireRoom(f.path + "-room"); err != nil {
		return err
	}
	return f.write(ctx, touch)
}

// touch writes a page without changing it.
func touch(tx *Tx) error {
	_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", fileVersion))
	return err
}

// migrate uses a connection of its own, because goose needs database/sql.
func (f *sqliteFile) migrate(ctx context.Context, m migration) error {
	pool, err := openPool(f.path, url.Values{"_pragma": writerPragmas, "_txlock": {"immediate"}, "mode": {"rw"}})
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	if err := migrate(ctx, goose.DialectSQLite3, pool, m); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

// close closes the writer's connection last of all, so that SQLite moves the log into the file and removes it. Then it
// releases the lock.
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
		errs = append(errs, f.writer.close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Unlock())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	return nil
}
