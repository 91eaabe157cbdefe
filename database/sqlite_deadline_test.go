package database

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// requireTimeout checks that a call that failed with err took the whole timeout, and no longer.
func requireTimeout(t *testing.T, start time.Time, err error) {
	t.Helper()
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.InDelta(t, timeout.Seconds(), time.Since(start).Seconds(), 1)
}

func TestAWriteThatDoesNotGetItsTurnGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		start := time.Now()
		requireTimeout(t, start, db.Write(t.Context(), insert("never")))
		_ = release() // whose time ended in the same instant
		require.Zero(t, count(t, db))
	})
}

func TestAQueryThatGetsNoConnectionGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, file, _ := openFile(t)
		for range file.readers.size {
			conn, _, err := file.readers.take(t.Context())
			require.NoError(t, err)
			defer file.readers.give(conn)
		}
		start := time.Now()
		var n int
		requireTimeout(t, start, db.QueryRow(t.Context(), "SELECT 1").Scan(&n))
		start = time.Now()
		requireTimeout(t, start, db.Ping(t.Context()))
	})
}

func TestAQueryThatRunsTooLongIsInterrupted(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	start := time.Now()
	var n int
	requireTimeout(t, start, db.QueryRow(t.Context(), endless).Scan(&n))
	require.NoError(t, db.Ping(t.Context()))
}

func TestACollectThatRunsTooLongIsInterrupted(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	start := time.Now()
	_, err := Collect(t.Context(), db, func(row *Row) (n int, err error) { return n, row.Scan(&n) }, endless)
	requireTimeout(t, start, err)
	require.NoError(t, db.Ping(t.Context()))
}

func TestTheTimeThatAQueryHasWaitedForAConnectionIsTakenFromItsTime(t *testing.T) {
	t.Parallel()
	db, file, _ := openFile(t)
	var taken []*reader
	for range file.readers.size {
		conn, _, err := file.readers.take(t.Context())
		require.NoError(t, err)
		var n int
		require.NoError(t, conn.queryRow(timeout, "SELECT 1", nil, []any{&n})) // arms the timer
		taken = append(taken, conn)
	}
	time.AfterFunc(2*time.Second, func() {
		for _, conn := range taken {
			file.readers.give(conn)
		}
	})
	start := time.Now()
	var n int
	requireTimeout(t, start, db.QueryRow(t.Context(), endless).Scan(&n))
}

const endless = `WITH RECURSIVE naturals (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM naturals) SELECT count(*) FROM naturals`

func TestAFileThatTakesTooLongToCheckIsOpenedAllTheSame(t *testing.T) {
	t.Parallel()
	db, file, _ := openFile(t)
	require.NoError(t, db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO notes (body)
			WITH RECURSIVE naturals (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM naturals LIMIT 10000) SELECT n FROM naturals`)
		return err
	}))
	require.NoError(t, quickCheck(t.Context(), file.copying, 100*time.Microsecond))
	require.NoError(t, quickCheck(t.Context(), file.copying, time.Minute))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, quickCheck(gone, file.copying, time.Minute), context.Canceled)
}
