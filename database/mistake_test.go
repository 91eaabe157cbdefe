package database_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// eachMode is EachURL, and once more on a PostgreSQL whose statements are not described first, as behind PgBouncer.
func eachMode(t *testing.T, test func(t *testing.T, db *database.DB)) {
	databasetest.EachURL(t, func(t *testing.T, url string) { test(t, databasetest.Open(t, url)) })
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run("postgres, "+mode, func(t *testing.T) {
			t.Parallel()
			test(t, databasetest.Open(t, databasetest.Postgres(t)+"&default_query_exec_mode="+mode))
		})
	}
}

type refusing struct{}

func (refusing) Scan(any) error { return errors.New("no such thing") }

func TestAMistakeOfOursIsNoOutage(t *testing.T) {
	eachMode(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		require.NoError(t, db.Migrate(ctx, "tasks", tasks))
		_, err := db.Exec(ctx, "INSERT INTO tasks (name) VALUES ('a'), ('b')")
		require.NoError(t, err)
		requirePlain := func(t *testing.T, err error) {
			t.Helper()
			require.Error(t, err)
			require.NotErrorIs(t, err, database.ErrUnavailable)
			require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
		}
		var number int64
		var text string
		for _, test := range []struct {
			name, query string
			args, dest  []any
		}{
			{"too few arguments", "SELECT id FROM tasks WHERE name = $1 AND done = $2", []any{"a"}, []any{&number}},
			{"too many arguments", "SELECT id FROM tasks WHERE name = $1", []any{"a", "b"}, []any{&number}},
			{"no arguments", "SELECT id FROM tasks WHERE name = $1", nil, []any{&number}},
			{"an argument that cannot be bound", "SELECT id FROM tasks WHERE name = $1", []any{make(chan int)}, []any{&number}},
			{"too few destinations", "SELECT id, name FROM tasks", nil, []any{&number}},
			{"too many destinations", "SELECT id FROM tasks", nil, []any{&number, &text}},
			{"a text for a number", "SELECT name FROM tasks", nil, []any{&number}},
			{"NULL for a number", "SELECT done FROM tasks", nil, []any{&number}},
			{"a destination that is no pointer", "SELECT id FROM tasks", nil, []any{number}},
			{"a Scanner that refuses", "SELECT id FROM tasks", nil, []any{refusing{}}},
			{"a parameter of another form", "SELECT id FROM tasks WHERE name = ?", []any{"a"}, []any{&number}},
			{"a table that does not exist", "SELECT id FROM nowhere", nil, []any{&number}},
		} {
			t.Run(test.name, func(t *testing.T) {
				requirePlain(t, db.QueryRow(ctx, test.query, test.args...).Scan(test.dest...))
				_, err := database.Collect(ctx, db, func(row *database.Row) (int, error) {
					return 0, row.Scan(test.dest...)
				}, test.query, test.args...)
				requirePlain(t, err)
				requirePlain(t, db.Write(ctx, func(tx *database.Tx) error {
					return tx.QueryRow(test.query, test.args...).Scan(test.dest...)
				}))
			})
		}
		for _, test := range []struct {
			name, query string
			args        []any
		}{
			{"too few arguments", "UPDATE tasks SET name = $1 WHERE done = $2", []any{"c"}},
			{"too many arguments", "INSERT INTO tasks (name) VALUES ($1)", []any{"c", "d"}},
			{"an argument that cannot be bound", "INSERT INTO tasks (name) VALUES ($1)", []any{make(chan int)}},
			{"a column that does not exist", "INSERT INTO tasks (title) VALUES ('c')", nil},
		} {
			t.Run("writing: "+test.name, func(t *testing.T) {
				_, err := db.Exec(ctx, test.query, test.args...)
				requirePlain(t, err)
				_, err = db.Insert(ctx, test.query, test.args...)
				requirePlain(t, err)
				requirePlain(t, db.Write(ctx, func(tx *database.Tx) error {
					_, err := tx.Exec(test.query, test.args...)
					return err
				}))
				requirePlain(t, db.Write(ctx, func(tx *database.Tx) error {
					_, err := tx.Insert(test.query, test.args...)
					return err
				}))
			})
		}
		t.Run("an ExecRow whose row does not fit is no outage", func(t *testing.T) {
			err := db.ExecRow(ctx, "UPDATE tasks SET done = 1 WHERE name = 'b' RETURNING name").Scan(&number)
			require.Error(t, err)
			require.NotErrorIs(t, err, database.ErrUnavailable)
		})
		require.NoError(t, db.QueryRow(ctx, "SELECT count(*) FROM tasks").Scan(&number), "the connections are unharmed")
		require.EqualValues(t, 2, number)
		require.NoError(t, db.Ping(ctx))
	})
}

func TestSeveralStatementsInOneTextAreRefused(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		require.NoError(t, db.Migrate(t.Context(), "notes", notes))
		const both = "INSERT INTO notes (id, body) VALUES (1, 'a'); DELETE FROM notes"
		_, err := db.Exec(t.Context(), both)
		require.Error(t, err)
		require.NotErrorIs(t, err, database.ErrUnavailable)
		require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
		err = db.Write(t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec(both)
			return err
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, database.ErrUnavailable)
	})
}

func TestAnErrorThatFnIgnoresIsNoOutage(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	for _, further := range []func(*database.Tx) error{
		func(*database.Tx) error { return nil },
		func(tx *database.Tx) error { return tx.QueryRow("SELECT 1").Scan(new(int)) },
	} {
		err := db.Write(t.Context(), func(tx *database.Tx) error {
			_, _ = tx.Exec("SELECT nothing")
			return further(tx)
		})
		require.Error(t, err, "PostgreSQL has rolled back")
		require.NotErrorIs(t, err, database.ErrUnavailable)
		require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
	}
}

func TestExecCountsNoRowsOfOtherStatements(t *testing.T) {
	eachMode(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		require.NoError(t, db.Migrate(ctx, "notes", notes))
		for _, statement := range []string{
			"CREATE TABLE tags (name TEXT)", "CREATE INDEX tags_name ON tags (name)",
			"ALTER TABLE tags ADD COLUMN n BIGINT", "ALTER TABLE tags DROP COLUMN n", "DROP INDEX tags_name", "DROP TABLE tags",
		} {
			rows, err := db.Exec(ctx, "INSERT INTO notes (id, body) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
			require.NoError(t, err)
			require.EqualValues(t, 3, rows)
			rows, err = db.Exec(ctx, statement)
			require.NoError(t, err)
			require.Zero(t, rows, statement)
			require.NoError(t, db.Write(ctx, func(tx *database.Tx) error {
				var err error
				rows, err = tx.Exec("DELETE FROM notes")
				return err
			}))
			require.EqualValues(t, 3, rows)
		}
	})
}
