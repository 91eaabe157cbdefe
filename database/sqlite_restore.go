package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"userorder/database/sqlite"
	"userorder/disk"
)

// The reasons for refusing a backup, instead of those for refusing a database.
var (
	errBackupForeign = errors.New("it is not a backup of a database of this program")
	errBackupNewer   = errors.New("it was written by a newer version of this program: restore it with that version")
	errBackupDamaged = errors.New("it is damaged: restore another backup, or save what is readable with sqlite3's .recover")
	errBackupEmpty   = errors.New("it has no tables of this program")
	errBackupItself  = errors.New("it is the database itself")

	errLitestream = errors.New("the database is being read by Litestream: stop that, and start it again after the restore")
)

// Restore puts a copy of the backup at path in the place of the SQLite database at url, which need not exist. It calls
// prepare with that copy, open as by Open, before anything of the database is touched; an error of prepare ends it.
// Kept is the name under which the previous database stays beside the new one, or "" if there was none.
//
// Restore fails while a service has the database open or Litestream replicates it, and if the backup is damaged, empty, newer, or not of
// this program. Wherever it is interrupted, the next Open finds either all of the previous database or all of the new one:
// the copy is complete once it is called PATH-restoring, and from then on Open finishes what is left to do.
//
// Keys that the previous database has given out are not given out again, if it can be read.
//
// Restore has no time limit but that of ctx, which it ignores once the copy is complete.
func Restore(
	ctx context.Context, url, path string, prepare func(context.Context, *DB) error,
) (kept string, err error) {
	return restoreBy(ctx, url, path, prepare, func(string) {})
}

// restoreBy is Restore that calls step after each step, for tests.
func restoreBy(
	ctx context.Context, url, path string, prepare func(context.Context, *DB) error, step func(name string),
) (kept string, err error) {
	named, ok := SQLitePath(url)
	if !ok {
		return "", errors.New("restore: PostgreSQL has its own tools for that, such as pg_restore")
	}
	r := restoration{named: named, target: realPath(named), source: realPath(path), prepare: prepare, step: step}
	if kept, err = r.run(ctx); err != nil {
		return "", fmt.Errorf("restore %s from %s: %w", named, path, err)
	}
	return kept, nil
}

// restoration is one Restore.
type restoration struct {
	named   string // the path of the URL
	target  string // of the database, without links
	source  string // of the backup, without links
	prepare func(context.Context, *DB) error
	step    func(name string)
}

func (r *restoration) run(ctx context.Context) (kept string, err error) {
	if err := r.refuse(); err != nil {
		return "", err
	}
	if err := r.inspect(ctx, identifyBackup); err != nil { // what takes little time, before a folder is made
		return "", err
	}
	lock, err := lockFile(r.target)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if _, err := finishRestore(r.target, r.step); err != nil { // an earlier one
		return "", err
	}
	if err := r.inspect(ctx, checkPool); err != nil {
		return "", err
	}
	if err := settle(ctx, r.target); err != nil {
		return "", err
	}
	r.step("settled")
	if err := disk.Create(r.target+restoring, func(file *os.File) error { return r.copy(ctx, file) }); err != nil {
		return "", err
	}
	r.step("complete")
	return finishRestore(r.target, r.step)
}

// refuse returns an error if one of the paths names something that cannot be meant.
func (r *restoration) refuse() error {
	source, err := os.Stat(r.source)
	if err != nil {
		return err
	}
	if target, err := os.Stat(r.target); err == nil && os.SameFile(source, target) {
		return errBackupItself
	}
	for _, path := range []string{r.source, r.target} {
		if err := requireRegular(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return refuseDeadLink(r.named, r.target)
}

// inspect calls check with the backup and explains its error.
func (r *restoration) inspect(ctx context.Context, check func(context.Context, *sql.DB) error) error {
	pool, err := openPool(r.source, backupOptions(r.source))
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	err = check(ctx, pool)
	for reason, explained := range map[error]error{
		errForeign: errBackupForeign, errNewer: errBackupNewer, errDamaged: errBackupDamaged,
	} {
		if errors.Is(err, reason) {
			return explained
		}
	}
	return err
}

func checkPool(ctx context.Context, pool *sql.DB) error {
	return checkAll(func(query string, dest *string) error { return pool.QueryRowContext(ctx, query).Scan(dest) })
}

func identifyBackup(ctx context.Context, pool *sql.DB) error {
	_, modules, err := identify(ctx, pool)
	if err == nil && modules == 0 {
		return errBackupEmpty
	}
	return err
}

// backupOptions are those for reading the backup at path. One without a log is immutable, so that SQLite makes none
// beside it, where it may not even be allowed to.
func backupOptions(path string) url.Values {
	options := url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"ro"}}
	if !exists(path+"-wal") && !exists(path+"-journal") {
		options.Set("immutable", "1")
	}
	return options
}

// mode is backupOptions for a connection of ours.
func (r *restoration) mode() sqlite.Mode {
	if backupOptions(r.source).Has("immutable") {
		return sqlite.Immutable
	}
	return sqlite.ReadOnly
}

// copy makes the copy in file. Its modification time tells finishRestore the name for the previous database.
func (r *restoration) copy(ctx context.Context, file *os.File) error {
	if err := vacuumInto(ctx, r.source, r.mode(), file, pace{}); err != nil {
		return err
	}
	r.step("copied")
	if err := r.prepareAt(ctx, file.Name()); err != nil {
		return fmt.Errorf("prepare the copy: %w", err)
	}
	r.step("prepared")
	now := time.Now().UTC().Truncate(time.Second)
	for exists(keptName(r.target, now)) || exists(keptName(r.target, now)+"-wal") {
		now = now.Add(time.Second)
	}
	return os.Chtimes(file.Name(), now, now)
}

// prepareAt calls prepare with the copy at path and closes it, after which all of it is in one file.
func (r *restoration) prepareAt(ctx context.Context, path string) (err error) {
	log := slog.New(slog.DiscardHandler)
	engine, err := openSQLite(ctx, path, Options{Log: log})
	defer func() { _ = os.Remove(path + "-lock") }()
	if err != nil {
		return err
	}
	db := &DB{engine: engine, log: log}
	defer func() {
		err = errors.Join(err, db.Close())
		if err == nil && exists(path+"-wal") {
			err = errors.New("its log was not moved into it")
		}
	}()
	if err := db.inspect(ctx, Options{}); err != nil {
		return err
	}
	if err := r.prepare(ctx, db); err != nil {
		return err
	}
	return r.keepKeys(ctx, db)
}

// keepKeys makes a copy go on with the keys that the previous database has given out since the backup, if that can be read:
// other databases may have rows with those keys, and clients remember them.
func (r *restoration) keepKeys(ctx context.Context, copied *DB) error {
	const raise = `
		INSERT INTO sqlite_sequence (name, seq) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)
		AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)`
	for table, key := range lastKeys(ctx, r.target) {
		rows, err := copied.Exec(ctx, "UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = $2", key, table)
		if err == nil && rows == 0 {
			_, err = copied.Exec(ctx, raise, table, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lastKeys returns the last key of each table of the database at path, or nothing if it cannot be read.
func lastKeys(ctx context.Context, path string) map[string]int64 {
	if !exists(path) {
		return nil
	}
	pool, err := openPool(path, backupOptions(path))
	if err != nil {
		return nil
	}
	defer func() { _ = pool.Close() }()
	rows, err := pool.QueryContext(ctx, "SELECT name, seq FROM sqlite_sequence")
	if err != nil {
		return nil
	}
	defer func() { _ = rows.Close() }()
	keys := map[string]int64{}
	for rows.Next() {
		var table string
		var key int64
		if rows.Scan(&table, &key) == nil {
			keys[table] = key
		}
	}
	if rows.Err() != nil { // damaged
		return nil
	}
	return keys
}

// settle moves the log of the database at path into it, if it is one and whole. Otherwise it is not touched, and its
// log is kept with it. It returns an error if Litestream runs: that would go on with the log of the new file and pages of the previous one,
// and spoil its replica.
func settle(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 { // SQLite would remove the log
		return nil
	}
	if _, err := inspect(ctx, path); err != nil && !errors.Is(err, errNewer) {
		return nil
	}
	conn, err := sqlite.Open(path, sqlite.ReadWrite, "busy_timeout(1000)", "synchronous(FULL)", "fullfsync(1)")
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	var busy, pages, moved, replicated int64
	_, failed := conn.Run("PRAGMA wal_checkpoint(TRUNCATE)", nil, []any{&busy, &pages, &moved})
	_, err = conn.Run("SELECT count(*) FROM sqlite_schema WHERE name = '_litestream_seq'", nil, []any{&replicated})
	if failed == nil && err == nil && busy > 0 && replicated > 0 { // its read never ends
		return errLitestream
	}
	return nil
}
