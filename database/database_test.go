package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// notes is a table that both engines can have.
var notes = fstest.MapFS{
	"migrations/0001_create_notes.sql": {Data: []byte(`-- +goose Up
CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL UNIQUE);
`)},
}

func insertNote(ctx context.Context, db *database.DB, id int64, body string) error {
	return db.Write(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec("INSERT INTO notes (id, body) VALUES ($1, $2)", id, body)
		return err
	})
}

func countNotes(t *testing.T, db *database.DB) (count int) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&count))
	return count
}

// eachWithNotes runs test on every engine with an empty table of notes.
func eachWithNotes(t *testing.T, test func(t *testing.T, db *database.DB)) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.Migrate(t.Context(), "notes", notes))
		test(t, db)
	})
}

func TestQueryRow(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, db *database.DB) {
		t.Run("binds a parameter by its number, not by its place", func(t *testing.T) {
			var got string
			query := "SELECT CAST($2 AS TEXT) || '-' || CAST($1 AS TEXT)"
			require.NoError(t, db.QueryRow(t.Context(), query, "x", "y").Scan(&got))
			require.Equal(t, "y-x", got)
		})
		t.Run("says when there is no row", func(t *testing.T) {
			var id int64
			err := db.QueryRow(t.Context(), "SELECT id FROM notes WHERE id = $1", 1).Scan(&id)
			require.ErrorIs(t, err, sql.ErrNoRows)
		})
		t.Run("does not call a faulty statement an outage", func(t *testing.T) {
			var id int64
			err := db.QueryRow(t.Context(), "SELECT id FROM nowhere").Scan(&id)
			require.Error(t, err)
			require.NotErrorIs(t, err, database.ErrUnavailable)
		})
		t.Run("returns the caller's own cancellation", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var id int64
			require.ErrorIs(t, db.QueryRow(ctx, "SELECT id FROM notes").Scan(&id), context.Canceled)
		})
	})
}

func TestSQLiteReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	var id int64
	err := db.QueryRow(t.Context(), "INSERT INTO notes (id, body) VALUES (1, 'a') RETURNING id").Scan(&id)
	require.ErrorContains(t, err, "a query must not write")
	require.NotErrorIs(t, err, database.ErrUnavailable)
	require.Zero(t, countNotes(t, db))
}

func TestWrite(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		t.Run("keeps what fn did when fn succeeds", func(t *testing.T) {
			require.NoError(t, insertNote(ctx, db, 1, "a"))
			require.Equal(t, 1, countNotes(t, db))
		})
		t.Run("undoes what fn did when fn fails, and returns its error", func(t *testing.T) {
			mine := errors.New("mine")
			err := db.Write(ctx, func(tx *database.Tx) error {
				_, err := tx.Exec("INSERT INTO notes (id, body) VALUES (2, 'b')")
				require.NoError(t, err)
				return mine
			})
			require.Equal(t, mine, err)
			require.Equal(t, 1, countNotes(t, db))
		})
		t.Run("recognises a taken unique value and a taken primary key", func(t *testing.T) {
			require.True(t, database.IsUniqueViolation(insertNote(ctx, db, 3, "a")))
			require.True(t, database.IsUniqueViolation(insertNote(ctx, db, 1, "c")))
			require.False(t, database.IsUniqueViolation(errors.New("else")))
		})
		t.Run("counts the rows that a statement changed", func(t *testing.T) {
			require.NoError(t, db.Write(ctx, func(tx *database.Tx) error {
				rows, err := tx.Exec("UPDATE notes SET body = 'd' WHERE id = $1", 99)
				if rows != 0 {
					return fmt.Errorf("%d rows", rows)
				}
				return err
			}))
		})
		t.Run("passes a panic of fn to the caller and goes on", func(t *testing.T) {
			require.PanicsWithValue(t, "bug", func() {
				_ = db.Write(ctx, func(tx *database.Tx) error {
					_, _ = tx.Exec("INSERT INTO notes (id, body) VALUES (4, 'e')")
					panic("bug")
				})
			})
			require.Equal(t, 1, countNotes(t, db))
			require.NoError(t, insertNote(ctx, db, 5, "f"))
		})
		t.Run("does nothing for a caller that has gone", func(t *testing.T) {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			require.ErrorIs(t, insertNote(gone, db, 6, "g"), context.Canceled)
			require.Equal(t, 2, countNotes(t, db))
		})
	})
}

func TestConcurrentWritesDoNotHarmEachOther(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, db *database.DB) {
		const callers = 60
		failures := make([]error, callers)
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				failures[i] = insertNote(t.Context(), db, int64(i), fmt.Sprint(i%20)) // 20 different bodies
			})
		}
		group.Wait()
		succeeded := 0
		for _, err := range failures {
			if err == nil {
				succeeded++
				continue
			}
			require.True(t, database.IsUniqueViolation(err), "%v", err)
		}
		require.Equal(t, 20, succeeded)
		require.Equal(t, 20, countNotes(t, db))
	})
}

func TestAClosedDatabaseIsUnavailable(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		require.NoError(t, db.Ping(t.Context()))
		require.NoError(t, db.Close())
		var one int
		require.ErrorIs(t, db.QueryRow(t.Context(), "SELECT 1").Scan(&one), database.ErrUnavailable)
		require.ErrorIs(t, insertNote(t.Context(), db, 1, "a"), database.ErrUnavailable)
		require.ErrorIs(t, db.Ping(t.Context()), database.ErrUnavailable)
	})
}

func TestMigrate(t *testing.T) {
	const second = `-- breaking: programs of version 1 do not know the first note
-- +goose Up
INSERT INTO notes (id, body) VALUES (1, 'by the second migration');
`
	newer := fstest.MapFS{
		"migrations/0001_create_notes.sql": notes["migrations/0001_create_notes.sql"],
		"migrations/0002_add_one.sql":      {Data: []byte(second)},
	}
	t.Run("runs each migration once although ten replicas start at once", func(t *testing.T) {
		t.Parallel()
		url := databasetest.Postgres(t)
		failures := make([]error, 10)
		var group sync.WaitGroup
		for i := range failures {
			db := databasetest.Open(t, url)
			group.Go(func() { failures[i] = db.Migrate(t.Context(), "notes", newer) })
		}
		group.Wait()
		require.NoError(t, errors.Join(failures...))
		require.Equal(t, 1, countNotes(t, databasetest.Open(t, url)))
	})
	t.Run("refuses a database that is newer than the program", func(t *testing.T) {
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			require.NoError(t, db.Migrate(t.Context(), "notes", newer))
			err := db.Migrate(t.Context(), "notes", notes)
			require.ErrorContains(t, err, "the database is at version 2, newer than this program, which knows 1: start a newer one (it requires 2)")
		})
	})
	t.Run("keeps the versions of modules apart", func(t *testing.T) {
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			other := fstest.MapFS{"migrations/0001_create_tags.sql": {Data: []byte("-- +goose Up\nCREATE TABLE tags (id BIGINT);\n")}}
			require.NoError(t, db.Migrate(t.Context(), "notes", newer))
			require.NoError(t, db.Migrate(t.Context(), "tags", other))
			require.NoError(t, db.Migrate(t.Context(), "notes", newer))
		})
	})
	t.Run("takes a file that is named for an engine on that engine alone", func(t *testing.T) {
		split := fstest.MapFS{
			"migrations/0001_create_notes.sqlite.sql": {Data: []byte(`-- +goose Up
CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
`)},
			"migrations/0001_create_notes.postgres.sql": {Data: []byte(`-- +goose Up
CREATE TABLE notes (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, body TEXT);
`)},
		}
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			require.NoError(t, db.Migrate(t.Context(), "notes", split))
			var id int64
			require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
				return tx.QueryRow("INSERT INTO notes (body) VALUES ('a') RETURNING id").Scan(&id)
			}))
			require.EqualValues(t, 1, id)
		})
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("refuses what is not a database URL and shows no password", func(t *testing.T) {
		for _, url := range []string{
			"", "data/app.db", "mysql://root:hunter2@localhost/db", "sqlite:", "sqlite::memory:", "sqlite://data/app.db",
			"sqlite:app.db?mode=memory", "postgres:/me:hunter2@h/db", "postgres://user:hunter2@host:port/db", "postgres://user:hunter2@[/db",
		} {
			err := database.CheckURL(url)
			require.Error(t, err, url)
			require.NotContains(t, err.Error(), "hunter2")
		}
	})
	t.Run("opens a file whose name means something in a URL", func(t *testing.T) {
		url := strings.Replace(databasetest.SQLite(t), "test.db", "100% öffentlich #1/a b.db", 1)
		db := databasetest.Open(t, url)
		require.NoError(t, db.Migrate(t.Context(), "notes", notes))
		require.NoError(t, insertNote(t.Context(), db, 1, "a"))
	})
	t.Run("says which server does not answer, and shows no password", func(t *testing.T) {
		url := "postgres://user:hunter2@127.0.0.1:1/db"
		require.NoError(t, database.CheckURL(url))
		start := time.Now()
		_, err := database.Open(t.Context(), url, database.Options{})
		require.ErrorContains(t, err, "postgres://user@127.0.0.1:1/db")
		require.NotContains(t, err.Error(), "hunter2")
		require.Less(t, time.Since(start), 10*time.Second)
	})
}

func TestADatabaseIsNewUntilItIsMigrated(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		for start, want := range []bool{true, true, false, false} {
			db, err := database.Open(t.Context(), url, database.Options{})
			require.NoError(t, err)
			require.Equal(t, want, db.IsNew(), start)
			if start > 0 {
				require.NoError(t, db.Migrate(t.Context(), "notes", notes))
			}
			require.Equal(t, want, db.IsNew(), "it changes while the database is open")
			require.NoError(t, db.Close())
		}
	})
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite:data/app.db": "sqlite:data/app.db",
		"postgres://me:hunter2@one:5432,two:5433/shop?sslmode=prefer": "postgres://me@one:5432,two:5433/shop",
		"postgres://one/shop?user=me&password=hunter2":                "postgres://me@one:5432/shop",
		"postgres://me:hunter2@one:port/shop":                         "postgres://…",
	} {
		require.Equal(t, want, database.Redact(url))
	}
}
