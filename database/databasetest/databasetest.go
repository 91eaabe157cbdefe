// Package databasetest provides tests with real databases: each test gets a fresh SQLite file or PostgreSQL schema. It
// knows no module.
package databasetest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"userorder/database"
)

// Each runs test in parallel on SQLite, on PostgreSQL, and on PostgreSQL with serializable transactions, as distributed
// databases that speak its protocol have them. Each run gets a database of its own.
func Each(t *testing.T, test func(t *testing.T, db *database.DB)) {
	EachURL(t, func(t *testing.T, url string) { test(t, Open(t, url)) })
	t.Run("postgres, serializable", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, Postgres(t)+"&default_transaction_isolation=serializable"))
	})
}

// EachURL runs test in parallel on SQLite and PostgreSQL, for tests that open the database themselves.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// Open opens the database at url and closes it when the test ends.
func Open(t testing.TB, url string) *database.DB {
	db, err := database.Open(t.Context(), url, database.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// SQLite returns the URL of a file in a temporary folder. The file does not exist yet.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// RequireTables requires that a SQLite database has exactly these tables, with exactly these columns, besides those of
// the migrations.
func RequireTables(t testing.TB, db *database.DB, tables []database.Table) {
	var want []string
	for _, table := range tables {
		want = append(want, table.Name+"("+strings.Join(table.Columns, ",")+")")
	}
	var got string
	require.NoError(t, db.QueryRow(t.Context(), `
		SELECT group_concat(name || '(' || (SELECT group_concat(name, ',') FROM pragma_table_info(tables.name)) || ')', ' ')
		FROM sqlite_schema AS tables
		WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'goose_*' AND name <> 'schema_compatibility'`).Scan(&got))
	require.ElementsMatch(t, want, strings.Fields(got))
}

// server is a PostgreSQL server for tests.
type server struct {
	url string
	// lifeline is the standard input of a server started here. The server stops when it is closed, at the latest by
	// the end of the process.
	lifeline io.Closer
}

// shared returns the server of this test binary: the one at TEST_DATABASE_URL, or a temporary one started from the
// binaries on this machine.
var shared = sync.OnceValues(func() (server, error) {
	if url := os.Getenv("TEST_DATABASE_URL"); url != "" {
		return server{url: url}, nil
	}
	return startPostgres()
})

var schemas atomic.Int64

// Postgres returns the URL of an empty schema, which is dropped when the test ends. Without PostgreSQL the test is
// skipped, or fails if REQUIRE_POSTGRES=1.
func Postgres(t testing.TB) string {
	server, err := shared()
	if err != nil {
		if os.Getenv("REQUIRE_POSTGRES") == "1" {
			require.NoError(t, err, "REQUIRE_POSTGRES is set")
		}
		t.Skipf("no PostgreSQL: %v", err)
	}
	admin, err := sql.Open("pgx", server.url)
	require.NoError(t, err)
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1))
	_, err = admin.Exec("CREATE SCHEMA " + schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		defer func() { _ = admin.Close() }()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := admin.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
	})
	u, err := url.Parse(server.url)
	require.NoError(t, err)
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}
