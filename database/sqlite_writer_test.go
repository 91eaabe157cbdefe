package database

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// openFile opens a fresh file with a table of notes. It also returns the engine.
// commits counts groups of writes, as Options.Committed.
type commits struct{ groups, writes atomic.Int64 }

func (c *commits) add(writes int, _ time.Duration) {
	c.groups.Add(1)
	c.writes.Add(int64(writes))
}

func openFile(t testing.TB) (*DB, *sqliteFile, *commits) {
	seen := &commits{}
	db, err := Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{Committed: seen.add})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Write(context.Background(), func(tx *Tx) error {
		_, err := tx.Exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT UNIQUE)")
		return err
	}))
	return db, db.engine.(*sqliteFile), seen
}

func insert(body string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO notes (body) VALUES ($1)", body)
		return err
	}
}

func count(t *testing.T, db *DB) (count int) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&count))
	return count
}

// busy keeps the writer inside a group until release is called, so that a test can line up further members.
func busy(t *testing.T, db *DB) (release func() error) {
	running, hold, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		result <- db.Write(t.Context(), func(*Tx) error {
			close(running)
			<-hold
			return nil
		})
	}()
	<-running
	return func() error {
		close(hold)
		return <-result
	}
}

// queue starts a Write and returns once it is waiting in the queue.
func queue(ctx context.Context, db *DB, fn func(*Tx) error) (result <-chan error) {
	c := make(chan error, 1)
	go func() { c <- db.Write(ctx, fn) }()
	synctest.Wait()
	return c
}

func TestCallersThatWaitShareOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, seen := openFile(t)
		groups := seen.groups.Load()
		release := busy(t, db)
		var results []<-chan error
		for i := range 50 {
			results = append(results, queue(t.Context(), db, insert(fmt.Sprint(i%49)))) // two are the same
		}
		require.NoError(t, release())
		for _, result := range results[:49] {
			require.NoError(t, <-result)
		}
		require.True(t, IsUniqueViolation(<-results[49]))
		require.Equal(t, 49, count(t, db), "the one that failed did no harm")
		require.EqualValues(t, 1, seen.groups.Load()-groups)
	})
}

func TestACallerWhoseContextEndsInTheQueueIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		result := queue(ctx, db, insert("never"))
		cancel()
		require.ErrorIs(t, <-result, context.Canceled, "while the writer is still busy")
		require.NoError(t, release())
		require.NoError(t, db.Write(t.Context(), insert("after")))
		require.Equal(t, 1, count(t, db))
	})
}

func TestACallerThatLeavesDuringTheCommitIsToldThatNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		first := queue(ctx, db, insert("first"))
		hold := make(chan struct{})
		second := queue(t.Context(), db, func(*Tx) error {
			<-hold // the group cannot commit before this
			return nil
		})
		released := make(chan error, 1)
		go func() { released <- release() }()
		synctest.Wait() // the first has run, the second holds the group
		cancel()
		require.ErrorIs(t, <-first, ErrOutcomeUnknown)
		close(hold)
		require.NoError(t, <-second)
		require.NoError(t, <-released)
		require.Equal(t, 1, count(t, db), "it was kept, which its caller could not know")
	})
}

func TestATransactionThatSQLiteRollsBackFailsForAllOfItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		well := queue(t.Context(), db, insert("well"))
		full := queue(t.Context(), db, func(tx *Tx) error {
			_, err := tx.Exec("ROLLBACK") // as SQLite does by itself when the disk is full
			return err
		})
		later := queue(t.Context(), db, insert("in the next group"))
		require.ErrorIs(t, release(), ErrUnavailable)
		require.ErrorIs(t, <-well, ErrUnavailable)
		require.ErrorIs(t, <-full, ErrUnavailable)
		require.NoError(t, <-later)
		require.Equal(t, 1, count(t, db))
	})
}

func TestTheErrorOfOneCallerIsNeverThatOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		require.NoError(t, db.Write(t.Context(), insert("taken")))
		release := busy(t, db)
		clean := queue(t.Context(), db, insert("free"))
		guilty := queue(t.Context(), db, func(tx *Tx) error {
			_, err := tx.Exec("INSERT OR ROLLBACK INTO notes (body) VALUES ('taken')")
			return err
		})
		require.ErrorIs(t, release(), ErrUnavailable)
		err := <-clean
		require.ErrorIs(t, err, ErrUnavailable)
		require.False(t, IsUniqueViolation(err))
		err = <-guilty
		require.ErrorIs(t, err, ErrUnavailable, "its row may have been in the way of one of the group's")
		require.False(t, IsUniqueViolation(err))
	})
}

func TestAFailedCommitIsUnknownAndStopsAllWriting(t *testing.T) {
	t.Parallel()
	db, file, _ := openFile(t)
	failCommits(t, file)
	err := db.Write(t.Context(), tag)
	require.ErrorIs(t, err, ErrOutcomeUnknown)

	err = db.Write(t.Context(), insert("later"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, db.Ping(t.Context()), ErrUnavailable)
	require.Zero(t, count(t, db), "reading goes on")
}

func TestCloseRefusesLaterCallers(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	var group sync.WaitGroup
	var acknowledged atomic.Int64
	for range 20 {
		group.Go(func() {
			for i := 0; ; i++ {
				err := db.Write(context.Background(), func(tx *Tx) error {
					_, err := tx.Exec("INSERT INTO notes (body) VALUES (NULL)")
					return err
				})
				if err != nil {
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("a closed database says %v", err)
					}
					return
				}
				if acknowledged.Add(1) == 500 {
					go func() { _ = db.Close() }()
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, db.Close())

	again, err := Open(t.Context(), "sqlite:"+db.engine.(*sqliteFile).path, Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	require.EqualValues(t, acknowledged.Load(), count(t, again))
}

// BenchmarkWrite inserts durably from concurrent callers. "writes/group" is the mean number that shared a flush.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, _, seen := openFile(b)
			groups, writes := seen.groups.Load(), seen.writes.Load()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var group sync.WaitGroup
			for range callers {
				group.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := db.Insert(context.Background(), "INSERT INTO notes (body) VALUES (NULL)"); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			groups, writes = seen.groups.Load()-groups, seen.writes.Load()-writes
			b.ReportMetric(float64(writes)/float64(groups), "writes/group")
		})
	}
}

// BenchmarkQueryRow reads one row by its key.
func BenchmarkQueryRow(b *testing.B) {
	db, _, _ := openFile(b)
	require.NoError(b, db.Write(b.Context(), insert("a")))
	b.ReportAllocs()
	for b.Loop() {
		var id int64
		var body string
		if err := db.QueryRow(b.Context(), "SELECT id, body FROM notes WHERE id = $1", 1).Scan(&id, &body); err != nil {
			b.Fatal(err)
		}
	}
}
