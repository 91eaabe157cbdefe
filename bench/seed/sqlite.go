package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteOrders inserts rows in the order of their ids.
const sqliteOrders = `
	WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1)
	INSERT INTO orders` + owned + "ids"

// SQLite copies the database at template to path, inserts orders, and flushes the file, so that no write is pending when a
// measurement begins.
func SQLite(ctx context.Context, template, path string, orders int) (err error) {
	if err := Copy(template, path); err != nil {
		return err
	}
	// The file need not survive a crash.
	options := url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-65536)"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+options.Encode())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // it locks the file
	err = fill(ctx, db, orders)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("seed %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func fill(ctx context.Context, db *sql.DB, orders int) error {
	restore, err := setAside(ctx, db)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, sqliteOrders, arguments(orders)...); err != nil {
		return err
	}
	var hasEvents bool
	const find = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'order_events'"
	if err := db.QueryRowContext(ctx, find).Scan(&hasEvents); err != nil {
		return err
	}
	if hasEvents {
		restore = append([]string{created}, restore...)
	}
	for _, statement := range restore {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// setAside drops the indexes and triggers of the tables that are seeded, and returns the statements that create them again.
func setAside(ctx context.Context, db *sql.DB) (restore []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT 'DROP ' || type || ' "' || name || '"', sql FROM sqlite_schema
		WHERE type IN ('index', 'trigger') AND tbl_name IN ('orders', 'order_events') AND sql IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var drops []string
	for rows.Next() {
		var drop, create string
		if err := rows.Scan(&drop, &create); err != nil {
			return nil, err
		}
		drops, restore = append(drops, drop), append(restore, create)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for _, drop := range drops {
		if _, err := db.ExecContext(ctx, drop); err != nil {
			return nil, fmt.Errorf("%s: %w", drop, err)
		}
	}
	return restore, nil
}

// Copy copies a small SQLite database, which no service may have open.
func Copy(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600) //nolint:gosec // the user chooses the folder
}
