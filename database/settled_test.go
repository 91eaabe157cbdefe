package database_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// readSettled returns the ids of the rows that follow after and are settled.
func readSettled(ctx context.Context, db *database.DB, after int64) ([]int64, error) {
	last, err := db.Settled(ctx, "tasks")
	if err != nil {
		return nil, err
	}
	return database.Collect(ctx, db, func(row *database.Row) (id int64, err error) {
		err = row.Scan(&id)
		return id, err
	}, "SELECT id FROM tasks WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 1000", after, last)
}

func TestReadersOfSettledRowsMissNoneOfManyConcurrentWriters(t *testing.T) {
	eachWithTasks(t, func(t *testing.T, db *database.DB) {
		var writers, readers sync.WaitGroup
		written := make(chan struct{})
		for writer := range 16 {
			writers.Go(func() {
				for n := range 60 {
					if _, err := insertTask(t.Context(), db, fmt.Sprint(writer, n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		go func() { writers.Wait(); close(written) }()
		for range 3 {
			written := written
			readers.Go(func() {
				seen, after := 0, int64(0)
				for end := time.Now().Add(time.Hour); seen < 16*60 && time.Now().Before(end); {
					ids, err := readSettled(t.Context(), db, after)
					if err != nil {
						t.Error(err)
						return
					}
					if len(ids) > 0 {
						seen, after = seen+len(ids), ids[len(ids)-1]
					}
					select {
					case <-written: // what is missing now may be settled late, but is not missing for long
						end = time.Now().Add(time.Second)
						written = nil
					case <-time.After(time.Millisecond):
					}
				}
				if seen != 16*60 {
					t.Errorf("a reader has seen %d of %d rows", seen, 16*60)
				}
			})
		}
		readers.Wait()
	})
}

func TestAnOpenTransactionHoldsUpTheRowsThatFollowItsOwn(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	_, err := insertTask(t.Context(), db, "first")
	require.NoError(t, err)

	other, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) }()
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		_, err = other.Exec(t.Context(), "BEGIN")
		require.NoError(t, err)
		_, err = other.Exec(t.Context(), "INSERT INTO tasks (name) VALUES ($1)", "open until "+end)
		require.NoError(t, err)
		last, err := insertTask(t.Context(), db, "after "+end)
		require.NoError(t, err)
		ids, err := readSettled(t.Context(), db, 0)
		require.NoError(t, err)
		require.NotContains(t, ids, last, "a row is seen although one with a lower id may follow")
		_, err = other.Exec(t.Context(), end)
		require.NoError(t, err)
		ids, err = readSettled(t.Context(), db, 0)
		require.NoError(t, err)
		require.Contains(t, ids, last)
		require.Equal(t, end == "COMMIT", slices.Contains(ids, last-1))
	}
}

func TestATransactionThatWritesElsewhereHoldsUpNothing(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	_, err := db.Exec(t.Context(), "CREATE TABLE elsewhere (id BIGINT)")
	require.NoError(t, err)
	other, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) }()
	_, err = other.Exec(t.Context(), "BEGIN; INSERT INTO elsewhere VALUES (1); SELECT count(*) FROM tasks")
	require.NoError(t, err)
	id, err := insertTask(t.Context(), db, "a")
	require.NoError(t, err)
	ids, err := readSettled(t.Context(), db, 0)
	require.NoError(t, err)
	require.Equal(t, []int64{id}, ids)
}

func TestSettledRowsOfAServerThatHasLostThemAreForgotten(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	for _, name := range []string{"a", "b", "c", "d"} {
		_, err := insertTask(t.Context(), db, name)
		require.NoError(t, err)
	}
	last, err := db.Settled(t.Context(), "tasks")
	require.NoError(t, err)
	require.EqualValues(t, 4, last)

	// What a standby has that is promoted before it has received the last rows.
	for _, statement := range []string{"DELETE FROM tasks WHERE id > 1", "ALTER TABLE tasks ALTER COLUMN id RESTART WITH 2"} {
		_, err = db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	last, err = db.Settled(t.Context(), "tasks")
	require.NoError(t, err)
	require.EqualValues(t, 1, last)
	other, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) }()
	_, err = other.Exec(t.Context(), "BEGIN; INSERT INTO tasks (name) VALUES ('open')")
	require.NoError(t, err)
	_, err = insertTask(t.Context(), db, "e")
	require.NoError(t, err)
	last, err = db.Settled(t.Context(), "tasks")
	require.NoError(t, err)
	require.EqualValues(t, 1, last)
}

func TestReadersThatComeAtOnceShareOneLook(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	_, err := insertTask(t.Context(), db, "settled")
	require.NoError(t, err)
	read := func(want int64) (slowest time.Duration) {
		var group sync.WaitGroup
		var mu sync.Mutex
		for range 100 {
			group.Go(func() {
				began := time.Now()
				last, err := db.Settled(t.Context(), "tasks")
				if err != nil || last != want {
					t.Errorf("%d settled instead of %d: %v", last, want, err)
				}
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, time.Since(began))
			})
		}
		group.Wait()
		return slowest
	}
	read(1) // none may be told that nothing is settled, because another is looking

	other, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) }()
	_, err = other.Exec(t.Context(), "BEGIN; INSERT INTO tasks (name) VALUES ('open')")
	require.NoError(t, err)
	_, err = insertTask(t.Context(), db, "waits")
	require.NoError(t, err)
	require.Less(t, read(1), time.Second, "they have waited one after the other, some 30 ms each")
}
