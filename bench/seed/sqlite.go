// Package seed inserts orders directly into databases whose tables the service has created. The service must not run on
// them.
package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"userorder/bench/work"
)

// sqliteOrders inserts rows in the order of their ids. Each belongs to the user that work.Owner returns.
const sqliteOrders = `
	WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1)
	INSERT INTO orders (id, user_id, product, price, status, created_at)
	SELECT id, 1 + id % $2, 'product1', 10000, 'created', 1767323045678 FROM ids`

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
	_, err = db.ExecContext(ctx, sqliteOrders, orders, work.Users)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("seed %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Copy copies a small SQLite database, which no service may have open.
func Copy(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600) //nolint:gosec // the user chooses the folder
}
