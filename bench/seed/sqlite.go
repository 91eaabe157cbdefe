// Package seed puts orders straight into a database whose tables the service has made. The service must not run on it.
package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver

	"userorder/bench/work"
)

// sqliteOrders writes rows in the order of their ids. The owner is work.Owner's.
const sqliteOrders = `
	WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1)
	INSERT INTO orders (id, user_id, product, price, status, created_at)
	SELECT id, 1 + id % $2, 'product1', 10000, 'created', 1767323045678 FROM ids`

// SQLite copies the database at template, whose service was stopped, to path, adds orders to it, and waits until the
// disk has them, so that nothing is left to be written when something is measured.
func SQLite(ctx context.Context, template, path string, orders int) (err error) {
	if err := Copy(template, path); err != nil {
		return err
	}
	// Nothing of it must survive a crash while it is made.
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

// Copy copies a SQLite database whose service was stopped, and which is small.
func Copy(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600) //nolint:gosec // the folder is chosen by who measures
}
