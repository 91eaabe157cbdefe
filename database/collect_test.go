package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

type task struct {
	id   int64
	name string
}

func readTask(row *database.Row) (t task, err error) {
	err = row.Scan(&t.id, &t.name)
	return t, err
}

// addTasks adds tasks with these ids, in one transaction.
func addTasks(t *testing.T, db *database.DB, from, to int) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		for id := from; id <= to; id++ {
			if _, err := tx.Exec("INSERT INTO tasks (id, name) VALUES ($1, $2)", id, fmt.Sprint("task ", id)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestCollect(t *testing.T) {
	const all = "SELECT id, name FROM tasks ORDER BY id"
	eachWithTasks(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		t.Run("returns nothing of an empty table", func(t *testing.T) {
			got, err := database.Collect(ctx, db, readTask, all)
			require.NoError(t, err)
			require.Empty(t, got)
		})
		addTasks(t, db, 1, 999)
		t.Run("returns the rows in their order", func(t *testing.T) {
			got, err := database.Collect(ctx, db, readTask, "SELECT id, name FROM tasks WHERE id < $1 ORDER BY id DESC LIMIT $2", 7, 2)
			require.NoError(t, err)
			require.Equal(t, []task{{6, "task 6"}, {5, "task 5"}}, got)
		})
		t.Run("returns a thousand rows, and calls more a mistake", func(t *testing.T) {
			addTasks(t, db, 1000, 1000)
			got, err := database.Collect(ctx, db, readTask, all)
			require.NoError(t, err)
			require.Len(t, got, 1000)
			addTasks(t, db, 1001, 1001)
			got, err = database.Collect(ctx, db, readTask, all)
			require.ErrorContains(t, err, "more than 1000 rows")
			require.NotErrorIs(t, err, database.ErrUnavailable)
			require.Nil(t, got)
		})
		t.Run("returns the error of read as it is, and leaves the connection unharmed", func(t *testing.T) {
			mine := errors.New("mine")
			for range 20 {
				got, err := database.Collect(ctx, db, func(*database.Row) (task, error) { return task{}, mine }, all)
				require.Equal(t, mine, err)
				require.Nil(t, got)
			}
			require.NoError(t, db.QueryRow(ctx, "SELECT 1").Scan(new(int)))
		})
		t.Run("passes a panic of read on, and leaves the connection unharmed", func(t *testing.T) {
			for range 20 {
				require.PanicsWithValue(t, "bug", func() {
					_, _ = database.Collect(ctx, db, func(*database.Row) (task, error) { panic("bug") }, all)
				})
			}
			require.NoError(t, db.QueryRow(ctx, "SELECT 1").Scan(new(int)))
			require.Zero(t, db.Stats().InUse)
		})
		t.Run("returns the caller's own cancellation", func(t *testing.T) {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			_, err := database.Collect(gone, db, readTask, all)
			require.ErrorIs(t, err, context.Canceled)
		})
	})
}

func TestCollectTxSeesAndReturnsWhatItsTransactionWrites(t *testing.T) {
	eachWithTasks(t, func(t *testing.T, db *database.DB) {
		addTasks(t, db, 1, 5)
		var claimed, left []task
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) (err error) {
			if claimed, err = database.CollectTx(tx, readTask,
				"UPDATE tasks SET done = $1 WHERE id IN (SELECT id FROM tasks WHERE id > $2 ORDER BY id LIMIT 2) RETURNING id, name", 1, 2); err != nil {
				return err
			}
			left, err = database.CollectTx(tx, readTask, "SELECT id, name FROM tasks WHERE done IS NULL ORDER BY id")
			return err
		}))
		require.ElementsMatch(t, []task{{3, "task 3"}, {4, "task 4"}}, claimed)
		require.Equal(t, []task{{1, "task 1"}, {2, "task 2"}, {5, "task 5"}}, left)
	})
}

func TestTxInsert(t *testing.T) {
	eachWithTasks(t, func(t *testing.T, db *database.DB) {
		var first, second int64
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) (err error) {
			if first, err = tx.Insert("INSERT INTO tasks (name) VALUES ($1)", "a"); err != nil {
				return err
			}
			if second, err = tx.Insert("INSERT INTO tasks (name) VALUES ($1)", "b"); err != nil {
				return err
			}
			if _, err = tx.Insert("INSERT INTO tasks (name) VALUES ('a') ON CONFLICT (name) DO NOTHING"); !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("a row that was left out has a key: %w", err)
			}
			return nil
		}))
		require.Positive(t, first)
		require.Greater(t, second, first)
		got, err := database.Collect(t.Context(), db, readTask, "SELECT id, name FROM tasks ORDER BY id")
		require.NoError(t, err)
		require.Equal(t, []task{{first, "a"}, {second, "b"}}, got)
	})
}

func TestACollectWhoseConnectionIsLostIsRunAgain(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t) + "&application_name=" + t.Name()
	db, other := databasetest.Open(t, url), databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	addTasks(t, db, 1, 3)
	reads := 0
	got, err := database.Collect(t.Context(), db, func(row *database.Row) (id int64, err error) {
		if reads++; reads == 1 {
			require.NoError(t, other.QueryRow(t.Context(), killOthers).Scan(new(int)))
		}
		err = row.Scan(&id, new(string))
		return id, err
	}, "SELECT id, repeat('x', 100000) || pg_sleep(0.2) FROM tasks ORDER BY id") // too long to be sent together
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3}, got)
	require.Greater(t, reads, 3)
}
