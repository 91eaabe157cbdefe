package seed

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/bench/work"
)

// before is the table of orders without events, and later adds what a release with them does.
const (
	before = `CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, product TEXT NOT NULL,
		price INTEGER NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;`
	later = `ALTER TABLE orders ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
		CREATE INDEX orders_user ON orders (user_id, id);
		CREATE TABLE order_events (id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL, version INTEGER NOT NULL,
			status TEXT NOT NULL, role TEXT NOT NULL, actor INTEGER, note TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
		CREATE UNIQUE INDEX order_events_order ON order_events (order_id, version);
		CREATE TRIGGER orders_created AFTER INSERT ON orders BEGIN
			INSERT INTO order_events (order_id, version, status, role, actor, note, at)
			VALUES (new.id, new.version, new.status, 'customer', new.user_id, '', new.created_at);
		END;`
)

func open(t *testing.T, path string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// seeded returns a database with 1,000 orders and the schema.
func seeded(t *testing.T, schema string) *sql.DB {
	template, path := filepath.Join(t.TempDir(), "template.db"), filepath.Join(t.TempDir(), "seeded.db")
	db := open(t, template)
	_, err := db.Exec(schema)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoError(t, SQLite(t.Context(), template, path, 1000))
	return open(t, path)
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(query, args...).Scan(&n))
	return n
}

func TestOrdersHaveTheOwnersThatScriptsExpect(t *testing.T) {
	db := seeded(t, before)
	require.Equal(t, 1000, count(t, db, "SELECT count(*) FROM orders"))
	for id := work.Third; id <= 1000; id += work.Third {
		require.Equal(t, work.Owner(id), count(t, db, "SELECT user_id FROM orders WHERE id = ?", id))
	}
	rest := work.Users + work.Owners(1000)
	require.Equal(t, work.Users, count(t, db, "SELECT count(DISTINCT user_id) FROM orders WHERE user_id <= ?", work.Users))
	require.Equal(t, rest, count(t, db, "SELECT max(user_id) FROM orders"))
	for user := work.Users + 1; user <= rest; user++ {
		require.Greater(t, count(t, db, "SELECT count(*) FROM orders WHERE user_id = ?", user), 20)
	}
}

func TestEachOrderHasOneEventAndTheSchemaIsRestored(t *testing.T) {
	db, untouched := seeded(t, before+later), open(t, ":memory:")
	_, err := untouched.Exec(before + later)
	require.NoError(t, err)
	const schema = "SELECT group_concat(sql, ';' ORDER BY name) FROM sqlite_schema"
	var want, got string
	require.NoError(t, untouched.QueryRow(schema).Scan(&want))
	require.NoError(t, db.QueryRow(schema).Scan(&got))
	require.Equal(t, want, got)

	require.Equal(t, 1000, count(t, db, `SELECT count(*) FROM order_events e JOIN orders o ON o.id = e.order_id AND e.id = o.id
		WHERE e.version = 1 AND e.status = 'created' AND e.actor = o.user_id AND e.at = o.created_at`))
	_, err = db.Exec("INSERT INTO orders (user_id, product, price, status, created_at) VALUES (1, 'p', 1, 'created', 1)")
	require.NoError(t, err)
	require.Equal(t, 1001, count(t, db, "SELECT max(order_id) FROM order_events"), "the trigger is missing")
	require.Equal(t, 1001, count(t, db, "SELECT max(id) FROM order_events"))
}
