package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What a file says of itself in its header (https://www.sqlite.org/fileformat.html#the_database_header).
const (
	applicationID = 0x75736f72 // "usor"
	fileVersion   = 1          // as user_version; the versions of the modules' tables are in tables
)

// Why a file is not opened.
var (
	errInUse    = errors.New("another process is using it: stop that one, or set DATABASE_URL to another path")
	errForeign  = errors.New("it is not a database of this program: set DATABASE_URL to another path")
	errNewer    = errors.New("it was written by a newer version of this program: start that version")
	errNoAccess = errors.New("this user must be able to write there, or DATABASE_URL be another path")
	errDamaged  = errors.New("it is damaged: restore a backup, or save what can be read with sqlite3's .recover")
)

// createFile makes the file and its folder, for the eyes of their owner alone. SQLite gives its -wal and
// -shm files the permissions of the database, so one that was copied here by hand is closed, too.
func createFile(path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoAccess)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoAccess)
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}

// lockFile makes sure that no other process serves the file, for two writers would wait for each other and
// neither could group its commits. The lock goes with the process, however it ends. It is on a file beside
// the database because SQLite has locks of its own on that one.
func lockFile(path string) (*flock.Flock, error) {
	lock := flock.New(path+"-lock", flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, errNoAccess)
	case !locked:
		return nil, errInUse
	}
	return lock, nil
}

// inspect returns an error that says what to do if the file is not a whole database of this program. It does
// not change the file. An unmarked one is new, or from before files were marked.
func inspect(ctx context.Context, path string) (marked bool, err error) {
	pool, err := openPool(path, 1, url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"ro"}})
	if err != nil {
		return false, err
	}
	defer func() { _ = pool.Close() }()
	var id, version, tables, versionTables int
	for query, value := range map[string]*int{
		"PRAGMA application_id":                                        &id,
		"PRAGMA user_version":                                          &version,
		"SELECT count(*) FROM sqlite_schema":                           &tables,
		"SELECT count(*) FROM sqlite_schema WHERE name GLOB 'goose_*'": &versionTables,
	} {
		if err := pool.QueryRowContext(ctx, query).Scan(value); err != nil {
			return false, diagnose(err)
		}
	}
	switch {
	case id == applicationID && version > fileVersion:
		return false, errNewer
	case id != applicationID && (id != 0 || tables > 0 && versionTables == 0):
		return false, errForeign
	}
	return id == applicationID, quickCheck(ctx, pool, checkTime)
}

// checkTime bounds the check of a large file at the start. What it has not come to by then is found when it
// is read.
const checkTime = time.Second

// quickCheck looks for damage (https://www.sqlite.org/pragma.html#pragma_quick_check) for as long as limit.
func quickCheck(ctx context.Context, pool *sql.DB, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var verdict string
	err := pool.QueryRowContext(bounded, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil
	case err != nil:
		return diagnose(err)
	case verdict != "ok":
		return fmt.Errorf("%w (%s)", errDamaged, strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}

// diagnose says what an error means that a file gave when it was first read.
func diagnose(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	switch {
	case ok && e.Code()&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", errForeign, err)
	case isCorruption(err):
		return fmt.Errorf("%w (%w)", errDamaged, err)
	}
	return err
}

// isCorruption reports whether SQLite found the file damaged.
func isCorruption(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// headroom is what must fit on the disk before a file that could not be written counts as writable again. A
// single page may fit where the pages of an order do not.
const headroom = 1 << 20

func checkRoom(dir string) error {
	file, err := os.CreateTemp(dir, "room-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(make([]byte, headroom))
	return errors.Join(err, file.Sync(), file.Close())
}

// mark writes into a new file whose it is.
func mark(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf(
		"BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, fileVersion))
	return err
}
