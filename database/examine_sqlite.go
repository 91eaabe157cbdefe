package database

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"userorder/disk"
)

func (f *besideFile) condition(ctx context.Context) (c Condition, err error) {
	path, _, err := f.find()
	if err != nil {
		return c, err
	}
	c = Condition{Engine: SQLite, Free: -1}
	const size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size" // with what is only in the log yet
	if err := f.queryRow(ctx, size, nil, []any{&c.Size}); err != nil {
		return c, err
	}
	if log, err := os.Stat(path + "-wal"); err == nil {
		c.Log = log.Size()
	}
	if free, err := disk.Free(filepath.Dir(path)); err == nil {
		c.Free = free
	}
	return c, nil
}

// InterruptedRestore returns the file that the next Open of a SQLite database puts in its place, or "": an interrupted Restore
// has left it.
func InterruptedRestore(url string) (path string) {
	named, ok := SQLitePath(url)
	path = realPath(named) + restoring
	if info, err := os.Stat(path); !ok || err != nil || info.Size() == 0 {
		return ""
	}
	return path
}

// KeptCopies returns the files of the databases that restores have kept beside the SQLite file at path.
func KeptCopies(path string) (paths []string) {
	path = realPath(path)
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), filepath.Base(path)+keptBeside) {
			paths = append(paths, filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
	return paths
}

// IsEmptied reports whether url names a SQLite file of 0 bytes without a log, which Open would fill as if it were new.
func IsEmptied(url string) bool {
	named, ok := SQLitePath(url)
	path := realPath(named)
	info, err := os.Stat(path)
	return ok && err == nil && info.Mode().IsRegular() && info.Size() == 0 && refuseLogAlone(path) == nil
}

// verify runs PRAGMA quick_check and then integrity_check, which compares indexes with their tables as well and takes longer.
func (f *besideFile) verify(ctx context.Context) (damage []Damage, complete bool, err error) {
	err = f.withPool(func(pool *sql.DB) (err error) {
		for _, check := range []string{"quick_check", "integrity_check"} {
			if damage, complete, err = verifyBy(ctx, pool, check); damage != nil || !complete || err != nil {
				return err
			}
		}
		return nil
	})
	return damage, complete, err
}

func verifyBy(ctx context.Context, pool *sql.DB, check string) (damage []Damage, complete bool, err error) {
	var verdict string
	err = pool.QueryRowContext(ctx, "PRAGMA "+check+"(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, false, nil
	case isCorruption(err):
		verdict = err.Error()
	case err != nil:
		return nil, false, err
	}
	if verdict == "ok" {
		return nil, true, nil
	}
	return []Damage{{verdict, remedyOf(verdict)}}, true, nil
}

// indexDamage matches what PRAGMA integrity_check says of an index that does not have the rows of its table, which is whole.
var indexDamage = regexp.MustCompile(`^(row \d+ missing from|wrong # of entries in|non-unique entry in|rowid not at end-of-record for row \d+ of) index `)

func remedyOf(verdict string) string {
	if indexDamage.MatchString(verdict) {
		return "stop the service and run REINDEX with sqlite3, or restore a backup"
	}
	_, remedy, _ := strings.Cut(errDamaged.Error(), ": ")
	return remedy
}
