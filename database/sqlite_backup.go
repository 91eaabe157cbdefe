package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"userorder/disk"
)

// Backup copies the SQLite database at url to a new file at path. The database may be in use: the copy holds every write
// acknowledged before the call. The file appears at path once it is complete, checked and on disk. Backup has no time
// limit but that of ctx.
func Backup(ctx context.Context, url, path string) error {
	source, ok := SQLitePath(url)
	if !ok {
		return errors.New("back up: PostgreSQL has its own tools for that, such as pg_dump")
	}
	if err := backup(ctx, source, path); err != nil {
		return fmt.Errorf("back up %s to %s: %w", source, path, err)
	}
	return nil
}

func backup(ctx context.Context, source, path string) error {
	if _, err := os.Stat(source); err != nil {
		return err
	}
	if err := requireRegular(realPath(source)); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("the target is a folder: name the file in it")
	}
	if _, err := inspect(ctx, source); err != nil {
		return err
	}
	if err := requireTables(ctx, source); err != nil {
		return err
	}
	readOnly := url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"ro"}}
	err := disk.Create(path, func(file *os.File) error { return vacuumInto(ctx, source, readOnly, file.Name()) })
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w, and a backup never replaces a file", os.ErrExist)
	}
	return err
}

// requireTables returns an error if the file at path is empty: the copy would hold nothing, whatever was meant.
func requireTables(ctx context.Context, path string) error {
	pool, err := openPool(path, url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"ro"}})
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	var tables int
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return errors.New("there is nothing in it: is it the file that the service uses?")
	}
	return nil
}

// vacuumInto opens source with options and writes a copy without free pages
// (https://www.sqlite.org/lang_vacuum.html#vacuuminto), switches it to WAL mode and checks all of it.
func vacuumInto(ctx context.Context, source string, options url.Values, path string) (err error) {
	from, err := openPool(source, options)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if _, err := from.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return err
	}
	to, err := openPool(path, url.Values{"_pragma": {"journal_mode(WAL)"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := checkAll(ctx, to); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	return nil
}

// checkAll reads the whole file and returns an error if it is damaged.
func checkAll(ctx context.Context, pool *sql.DB) error {
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return diagnose(err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w (%s)", errDamaged, strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}
