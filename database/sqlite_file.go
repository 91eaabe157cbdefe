package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	sqlite3 "modernc.org/sqlite/lib"

	"userorder/database/sqlite"
	"userorder/disk"
)

// The header of a file identifies it as ours (https://www.sqlite.org/fileformat.html#the_database_header).
const (
	applicationID = 0x75736f72 // "usor"
	fileVersion   = 1          // in user_version; modules keep the versions of their schemas in tables
)

// The reasons for refusing a file, each with its remedy.
var (
	errInUse    = errors.New("another process is using it: stop that one, or name another path")
	errForeign  = errors.New("it is not a database of this program: restore a backup if it was one, or name another path")
	errNewer    = errors.New("it was written by a newer version of this program: start that version")
	errNoAccess = errors.New("let " + self() + " write there, or name another path")
	errDamaged  = errors.New("it is damaged: restore a backup, or save what is readable with sqlite3's .recover")
	errDiskFull = errors.New("the disk is full: make room")
	errLogAlone = errors.New("it is empty or gone, but its -wal exists and may hold every acknowledged write: restore the file, or move the -wal away")
)

// self names the user of this process by its number, which is all that a container knows of it. Windows has none.
func self() string {
	if uid := os.Getuid(); uid >= 0 {
		return fmt.Sprintf("this user (uid %d)", uid)
	}
	return "this user"
}

// prepareFile locks, creates and inspects the file at path, which is target once links are followed. If a restore was
// interrupted, it finishes that first and tells log. The caller must release the lock, even after an error.
func prepareFile(ctx context.Context, path, target string, log *slog.Logger) (lock *flock.Flock, marked bool, err error) {
	if err := refuseDeadLink(path, target); err != nil {
		return nil, false, err
	}
	if err := requireRegular(target); err != nil {
		return nil, false, err
	}
	// The lock comes before everything that opens the file: closing a file, even one opened only to look at it, releases
	// all locks that this process has on it (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
	if lock, err = lockFile(target); err != nil {
		return nil, false, err
	}
	switch kept, err := finishRestore(target, func(string) {}); {
	case err != nil:
		return lock, false, fmt.Errorf("finish a restore that was interrupted: %w", err)
	case kept != "":
		log.Warn("a restore that was interrupted is finished", "database", target, "before", kept)
	}
	if err := createFile(target); err != nil {
		return lock, false, err
	}
	if marked, err = inspect(ctx, target); err != nil {
		return lock, false, err
	}
	return lock, marked, restrict(target)
}

// refuseDeadLink returns an error if path is a link whose target does not exist, unless a restore is about to put it
// there.
func refuseDeadLink(path, target string) error {
	if _, err := os.Readlink(path); err != nil {
		return nil //nolint:nilerr // it is no link
	}
	_, err := os.Stat(path)
	if err == nil || exists(target+restoring) {
		return nil
	}
	return fmt.Errorf("it is a link to a file that does not exist: %w", err)
}

// createFile creates the file, readable by its owner alone, unless it exists. SQLite gives the -wal and -shm files the
// same permissions. Creating a file beside a log is refused: SQLite would remove the log as stale.
func createFile(path string) error {
	if err := refuseLogAlone(path); err != nil {
		return err
	}
	lock := besideLock(path)
	lock.Lock()
	defer lock.Unlock()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errNoAccess)
	}
	return file.Close()
}

// refuseLogAlone returns an error if there is a log beside path and no file that it can belong to.
func refuseLogAlone(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return errLogAlone
	}
	return nil
}

// restrict removes the permissions of group and others from the file and its -wal and -shm, which a copy made by hand,
// say, may have.
func restrict(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(path+suffix, 0o600); err != nil {
			return fmt.Errorf("%w: %w", err, errNoAccess)
		}
	}
	return nil
}

// lockFile keeps other processes from serving the file: two writers would wait for each other, and neither could group
// its commits. The system releases the lock when the process ends. It is on a separate file because SQLite uses locks of
// its own on the database.
func lockFile(path string) (*flock.Flock, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock := flock.New(path+"-lock", flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, errNoAccess)
	case !locked:
		return nil, errInUse
	}
	return lock, nil
}

// inspect returns an error with a remedy unless the file is an intact database of this program. It does not change the
// file. One that is not marked is new, or older than marking.
func inspect(ctx context.Context, path string) (marked bool, err error) {
	marked, err = inspectAs(ctx, path, "ro")
	if code, ok := sqliteCode(err); ok && code == sqlite3.SQLITE_READONLY_ROLLBACK {
		// A crash during the switch to WAL mode has left a journal, which must be rolled back first.
		return inspectAs(ctx, path, "rw")
	}
	return marked, err
}

func inspectAs(ctx context.Context, path, mode string) (marked bool, err error) {
	pool, err := openPool(path, url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {mode}})
	if err != nil {
		return false, err
	}
	defer func() { _ = pool.Close() }()
	if marked, _, err = identify(ctx, pool); err != nil {
		return false, err
	}
	return marked, quickCheck(ctx, pool, quickCheckTime)
}

// identify returns an error with a remedy unless the file is a database of this program. It also returns how many
// tables of migrations the file has: none if it is new.
func identify(ctx context.Context, pool *sql.DB) (marked bool, modules int, err error) {
	var id, version, tables int
	for _, look := range []struct {
		query string
		value *int
	}{
		{"PRAGMA application_id", &id},
		{"PRAGMA user_version", &version},
		// Litestream, which may run beside the service, adds two tables of its own.
		{"SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB '_litestream_*'", &tables},
		// goose_db_version is goose's default, so another program's.
		{"SELECT count(*) FROM sqlite_schema WHERE name GLOB 'goose_*' AND name <> 'goose_db_version'", &modules},
	} {
		if err := pool.QueryRowContext(ctx, look.query).Scan(look.value); err != nil {
			return false, 0, diagnose(err)
		}
	}
	isOurs := tables == 0 || modules > 0
	switch {
	case id == applicationID && version > fileVersion:
		return false, 0, errNewer
	case id != applicationID && (id != 0 || version != 0 || !isOurs):
		return false, 0, errForeign
	}
	return id == applicationID, modules, nil
}

// quickCheckTime bounds the check of a large file at startup. Damage in the rest is found when it is read.
const quickCheckTime = time.Second

// quickCheck looks for damage (https://www.sqlite.org/pragma.html#pragma_quick_check) until limit expires.
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

// diagnose explains an error from the first read of a file.
func diagnose(err error) error {
	code, ok := sqliteCode(err)
	switch {
	case ok && code&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", errForeign, err)
	case isCorruption(err):
		return fmt.Errorf("%w (%w)", errDamaged, err)
	}
	return err
}

// explainFull explains an error of an open that found no room: SQLite calls it an I/O error if it is the index of the log
// that has none.
func explainFull(err error) error {
	if code, ok := sqliteCode(err); ok && (code&0xff == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR_SHMSIZE) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w (%w)", errDiskFull, err)
	}
	return err
}

// explainDenied explains an error of an open for which this user has no right: SQLite says no more than that it cannot.
func explainDenied(err error, path string) error {
	if code, ok := sqliteCode(err); !ok || code&0xff != sqlite3.SQLITE_CANTOPEN {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if denied := disk.Readable(realPath(path) + suffix); errors.Is(denied, fs.ErrPermission) {
			return fmt.Errorf("%w (%w)", denied, err)
		}
	}
	return err
}

// isCorruption reports whether SQLite found the file damaged.
func isCorruption(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_CORRUPT || code&0xff == sqlite3.SQLITE_NOTADB)
}

// headroom is the free space required, in bytes, before a file that could not be written counts as writable again. One
// page may fit where those of an order do not.
const headroom = 1 << 20

// requireRoom writes headroom random bytes, which no file system can compress, to a new file and removes it.
func requireRoom(path string) error {
	text := make([]byte, headroom)
	_, _ = rand.Read(text) // never fails
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// mark stamps application_id and user_version into a new file.
func mark(conn *sqlite.Conn) error {
	for _, statement := range []string{
		"BEGIN IMMEDIATE",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", fileVersion),
		"COMMIT",
	} {
		if _, err := conn.Run(statement, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
