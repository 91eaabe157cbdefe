package database_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func TestTheStatsOfAPoolAddUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.QueryRow(t.Context(), "SELECT 1").Scan(new(int)))
		stats := db.Stats()
		require.GreaterOrEqual(t, stats.Max, 2)
		require.GreaterOrEqual(t, stats.Idle, 1, "the connection was not given back")
		require.Zero(t, stats.InUse)
	})
}

func TestWhoWaitsForAConnectionIsCounted(t *testing.T) {
	t.Parallel()
	options := database.Options{PoolSize: 1}
	db, err := database.Open(t.Context(), databasetest.Postgres(t), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	before := db.Stats()
	hold, held := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_ = db.Write(t.Context(), func(*database.Tx) error {
			close(held)
			<-hold
			return nil
		})
	})
	<-held
	require.Equal(t, 1, db.Stats().InUse)
	group.Go(func() { _ = db.QueryRow(t.Context(), "SELECT 1").Scan(new(int)) })
	time.Sleep(50 * time.Millisecond)
	close(hold)
	group.Wait()
	after := db.Stats()
	require.Equal(t, before.Waits+1, after.Waits)
	require.Greater(t, after.Waited, before.Waited)
	require.Equal(t, 1, after.Max)
}

func TestEveryWriteIsInAGroupThatIsToldOfBeforeItsCallers(t *testing.T) {
	t.Parallel()
	var writes, groups atomic.Int64
	url := "sqlite:" + filepath.Join(t.TempDir(), "app.db")
	db, err := database.Open(t.Context(), url, database.Options{Committed: func(n int, took time.Duration) {
		if took <= 0 || took > 10*time.Second {
			t.Errorf("a group took %s", took)
		}
		writes.Add(int64(n))
		groups.Add(1)
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			_ = db.Write(t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec("INSERT INTO notes (id, body) VALUES ($1, $2)", i, fmt.Sprint(i))
				return err
			})
		})
	}
	group.Wait()
	require.EqualValues(t, 50, writes.Load())
	require.LessOrEqual(t, groups.Load(), int64(50))
	failure := db.Write(t.Context(), func(*database.Tx) error { return sql.ErrNoRows })
	require.ErrorIs(t, failure, sql.ErrNoRows)
	require.EqualValues(t, 51, writes.Load(), "a write that fails has a place in a group all the same")
}
