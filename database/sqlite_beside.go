package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"userorder/database/sqlite"
)

// besideFile is the engine of Options.Beside for a SQLite file. Each call opens the file, does its work and closes the
// file again. Between two calls it holds neither a lock nor a descriptor, so it delays no checkpoint, the service is
// the last to close its log, and each call finds the file that the path names by then.
type besideFile struct {
	named    string // the path of the URL
	readOnly bool
	copying  *sql.DB // for Copy; connects on first use
}

// besidePragmas configure both kinds of connections. Checkpoints are the service's: they would delay a short write. The
// last connection to close moves the log into the file nevertheless.
var (
	besidePragmas = []string{
		"busy_timeout(5000)", "synchronous(FULL)", "fullfsync(1)", "wal_autocheckpoint(0)", "secure_delete(ON)",
	}
	besideReaderPragmas = append([]string{"query_only(1)"}, besidePragmas...)
)

// besidePause is the time between two tries to begin a transaction. The pauses of SQLite's busy_timeout grow to 100 ms,
// and a service under load leaves the file free for some microseconds between two groups: that might never be hit.
const besidePause = 500 * time.Microsecond

// besideCalls has a lock for each file by its real path. Calls hold it for reading, and createFile for writing: closing
// a file without SQLite would release the locks that a call of the same process has on it.
var besideCalls sync.Map

// besideLock returns the lock in besideCalls for the file at path.
func besideLock(path string) *sync.RWMutex {
	lock, _ := besideCalls.LoadOrStore(path, &sync.RWMutex{})
	return lock.(*sync.RWMutex)
}

// openBeside opens an existing file without the lock of lockFile. It does not look for damage, which is the service's
// to find and takes up to a second.
func openBeside(ctx context.Context, path string, readOnly bool) (_ engine, err error) {
	defer func() { err = explainDenied(explainFull(err), path) }()
	f := &besideFile{named: path, readOnly: readOnly}
	target, _, err := f.find()
	if err != nil {
		return nil, err
	}
	if err := requireRegular(target); err != nil {
		return nil, err
	}
	if _, err := modernc.Fdatasync(true); err != nil && !errors.Is(err, modernc.ErrFdatasyncUnavailable) {
		return nil, err
	}
	err = f.withPool(func(pool *sql.DB) error {
		_, _, err := identify(ctx, pool)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.copying, err = f.openPool(target, f.mode(target))
	return f, err
}

// find returns the file that the path names now. It refuses an empty one that has a log, which SQLite would remove.
func (f *besideFile) find() (path string, info fs.FileInfo, err error) {
	path = realPath(f.named)
	if err := refuseLogAlone(path); err != nil {
		return "", nil, err
	}
	info, err = os.Stat(path)
	return path, info, err
}

// withPool calls use with a pool, perhaps several times.
func (f *besideFile) withPool(use func(*sql.DB) error) error {
	return f.inMode(func(path string, _ fs.FileInfo, mode sqlite.Mode) error {
		pool, err := f.openPool(path, mode)
		if err != nil {
			return err
		}
		defer func() { _ = pool.Close() }()
		return use(pool)
	})
}

// read calls use with a connection that only reads, perhaps several times.
func (f *besideFile) read(ctx context.Context, use func(*reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.inMode(func(path string, before fs.FileInfo, mode sqlite.Mode) error {
		conn, err := sqlite.Open(path, mode, besideReaderPragmas...)
		if err != nil {
			return err
		}
		r := &reader{conn: conn}
		defer func() { _ = r.close() }()
		if err := refuseWrite(use(r)); err != nil {
			return err
		}
		return requireUnmoved(path, before)
	})
}

func (f *besideFile) queryRow(ctx context.Context, query string, args, dest []any) error {
	return f.read(ctx, func(r *reader) error { return r.queryRow(timeout, query, args, dest) })
}

func (f *besideFile) confirm(ctx context.Context, query string, args, dest []any) error {
	return f.queryRow(ctx, query, args, dest)
}

func (f *besideFile) each(ctx context.Context, query string, args []any, begin func(), row rowFunc) error {
	return f.read(ctx, func(r *reader) error {
		begin()
		return r.each(timeout, query, args, row)
	})
}

func (f *besideFile) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	err = f.write(ctx, func(tx *Tx) (err error) {
		rows, err = tx.runner.run(query, args, dest)
		return err
	})
	return rows, err
}

func (f *besideFile) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	err = f.write(ctx, func(tx *Tx) (err error) {
		id, err = tx.runner.insert(query, args)
		return err
	})
	return id, err
}

// write runs fn in a transaction of its own. Whatever is not committed is rolled back by closing the connection.
func (f *besideFile) write(ctx context.Context, fn func(*Tx) error) error {
	if f.readOnly {
		return fmt.Errorf("%w: a write to a database opened with ReadOnly", errMisuse)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	path, before, err := f.find()
	if err != nil {
		return classify(err)
	}
	lock := besideLock(path)
	lock.RLock()
	defer lock.RUnlock()
	conn, err := beginBeside(ctx, path, before)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = conn.Close() }()
	if err := fn(&Tx{runner: sqliteTx{conn}}); err != nil {
		return err
	}
	if !conn.InTransaction() { // fn has ignored an error
		return fmt.Errorf("%w: the transaction was rolled back: %w", ErrUnavailable, errRolledBack)
	}
	if _, err := conn.Run("COMMIT", nil, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return nil
}

// beginBeside opens the file at path, which was before, and begins a transaction, for which it waits until ctx ends.
func beginBeside(ctx context.Context, path string, before fs.FileInfo) (*sqlite.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := sqlite.Open(path, sqlite.ReadWrite, besidePragmas...)
	if err != nil {
		return nil, err
	}
	if err = lockForWriting(ctx, conn); err == nil {
		err = requireUnmoved(path, before)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// lockForWriting begins a transaction as soon as no other process is in one.
func lockForWriting(ctx context.Context, conn *sqlite.Conn) error {
	for _, statement := range []string{"PRAGMA busy_timeout = 0", "BEGIN IMMEDIATE", "PRAGMA busy_timeout = 5000"} {
		_, err := conn.Run(statement, nil, nil)
		for isBusy(err) {
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), err)
			}
			time.Sleep(besidePause)
			_, err = conn.Run(statement, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// requireUnmoved returns an error if another file has come to path since before was found there: the -wal that was
// opened after the file may be that of the other one.
func requireUnmoved(path string, before fs.FileInfo) error {
	if found := locate(path, before); found != intact {
		return fmt.Errorf("%w: %s was moved or replaced just now", ErrUnavailable, path)
	}
	return nil
}

// refuseWrite calls a query that writes a bug, not a file without permission to write.
func refuseWrite(err error) error {
	if code, ok := sqliteCode(err); ok && code == sqlite3.SQLITE_READONLY {
		return fmt.Errorf("%w: a query must not write: %w", errMisuse, err)
	}
	return err
}

func (f *besideFile) ping(ctx context.Context) error {
	var tables int
	return f.queryRow(ctx, "SELECT count(*) FROM sqlite_schema", nil, []any{&tables})
}

func (f *besideFile) settled(ctx context.Context, table string) (id int64, err error) {
	return lastKey(ctx, f, table)
}

func (f *besideFile) stats() Stats { return Stats{} }

// requireNewKeys has nothing to do, as that of sqliteFile.
func (f *besideFile) requireNewKeys(context.Context, []Table) error { return nil }

// migrate only checks: Open has seen to that.
func (f *besideFile) migrate(ctx context.Context, m migration) error {
	return f.withPool(func(pool *sql.DB) error {
		if err := migrate(ctx, goose.DialectSQLite3, pool, m); err != nil {
			return fmt.Errorf("%s: %w", f.named, err)
		}
		return nil
	})
}

func (f *besideFile) copier() copier { return sqliteCopy{f, f.copying} }

func (f *besideFile) backup(ctx context.Context, path string) error {
	return Backup(ctx, "sqlite:"+f.named, path)
}

func (f *besideFile) close() error { return f.copying.Close() }
