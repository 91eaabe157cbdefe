package database

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"userorder/disk"
)

func (f *besideFile) condition(ctx context.Context) (c Condition, err error) {
	path, _, err := f.find()
	if err != nil {
		return c, err
	}
	c = Condition{Engine: "SQLite", Free: -1}
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

// verify runs PRAGMA quick_check, which does not compare indexes with their tables.
func (f *besideFile) verify(ctx context.Context) (damage []Damage, complete bool, err error) {
	err = f.withPool(func(pool *sql.DB) error {
		verdict := "ok"
		err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
		switch {
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return nil
		case isCorruption(err):
			verdict = err.Error()
		case err != nil:
			return err
		}
		complete = true
		if verdict != "ok" {
			_, remedy, _ := strings.Cut(errDamaged.Error(), ": ")
			damage = []Damage{{verdict, remedy}}
		}
		return nil
	})
	return damage, complete, err
}
