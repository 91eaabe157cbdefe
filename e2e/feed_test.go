//go:build unix

package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// begun opens a database beside the service and begins a transaction that executes a statement, as an operator in psql does.
func begun(t *testing.T, url, statement string, args ...any) *sql.Tx {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.Exec(statement, args...)
	require.NoError(t, err)
	return tx
}

// While a transaction is open that has taken a number for its event, others commit with higher numbers.
func TestTheFeedSkipsNoTransactionThatCommitsLate(t *testing.T) {
	const insert = `INSERT INTO orders (user_id, product, price, status, created_at) VALUES (1, 'held open', 100, 'created', 1700000000000)`
	for name, test := range map[string]struct {
		statement string
		held      int // events that wait for the end
		product   string
		end       func(*sql.Tx) error
	}{
		"an insert that commits":              {insert, 1, "held open", (*sql.Tx).Commit},
		"an insert that is rolled back":       {insert, 0, "", (*sql.Tx).Rollback},
		"a cancellation that commits":         {`UPDATE orders SET status = 'cancelled', cancelled_at = created_at WHERE id = 1`, 1, "before", (*sql.Tx).Commit},
		"a transaction that has only read":    {`SELECT count(*) FROM orders, order_events`, -1, "", (*sql.Tx).Commit},
		"a transaction that has locked a row": {`SELECT id FROM orders ORDER BY id LIMIT 1 FOR UPDATE`, -1, "", (*sql.Tx).Commit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, bases, url := replicas(t, 2)
			owner, staff := login(t, bases[0]), clerk(t, bases[0], url)
			require.True(t, create(bases[0], owner, "before").ok())
			readers := []*follower{{token: staff}, {token: staff}, {token: staff}}
			poll := func() {
				for n, reader := range readers {
					began := time.Now()
					_, err := reader.poll(bases[n%2])
					require.NoError(t, err)
					require.Less(t, time.Since(began), 5*time.Second, "a reader waits for the transaction")
				}
			}
			for _, reader := range readers[:2] { // the third comes while the transaction is open
				reader.catchUp(t, bases[0])
				require.Len(t, reader.events, 1)
			}
			tx := begun(t, url, test.statement)
			const meanwhile = 6
			for n := range meanwhile / 2 {
				answer := create(bases[n%2], owner, "meanwhile")
				require.True(t, answer.ok(), answer.body)
				poll()
				require.True(t, moveOn(bases[n%2], staff, answer.Data.ID, "paid").ok())
				poll()
			}
			want := 1 + meanwhile
			if test.held < 0 { // nothing to wait for: all is seen before its end
				test.held = 0
				for n, reader := range readers {
					reader.catchUp(t, bases[n%2])
					require.Len(t, reader.events, want, "reader %d is held up", n)
				}
			}
			require.NoError(t, test.end(tx))
			want += test.held
			for n, reader := range readers {
				require.Eventually(t, func() bool {
					_, err := reader.poll(bases[n%2])
					return err == nil && len(reader.events) >= want
				}, 5*time.Second, 10*time.Millisecond, "reader %d has seen %d of %d events", n, len(reader.events), want)
				reader.catchUp(t, bases[n%2])
				require.Len(t, reader.events, want)
				reader.requireInOrder(t)
				require.Equal(t, readers[0].events, reader.events)
				if test.held > 0 {
					require.Equal(t, test.product, reader.events[1].Order.Product, "its number is lower than those of the others")
				}
			}
		})
	}
}

// writeFeed creates orders and moves them on until over is closed, and counts the events.
func writeFeed(t *testing.T, bases []string, m *movers, over <-chan struct{}, written *atomic.Int64) {
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(rand.N(10 * time.Millisecond)):
		}
		answer := create(bases[rand.IntN(len(bases))], m.owner, fmt.Sprint("fed ", n))
		for _, status := range paths[rand.IntN(len(paths))] {
			if !answer.ok() {
				break
			}
			written.Add(1)
			answer = moveOn(bases[rand.IntN(len(bases))], m.staff, answer.Data.ID, status)
		}
		if !answer.ok() {
			t.Errorf("a write failed: %d %s", answer.status, answer.body)
			return
		}
		written.Add(1)
	}
}

func TestAllReadersOfTheFeedSeeTheSameEventsOnce(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		bases := []string{start(t, t.TempDir(), "DATABASE_URL="+url).url(t)}
		for _, file := database.SQLitePath(url); !file && len(bases) < 3; {
			bases = append(bases, start(t, t.TempDir(), "DATABASE_URL="+url).url(t))
		}
		m := newMovers(login(t, bases[0]), clerk(t, bases[0], url))
		over := make(chan struct{})
		var written atomic.Int64
		var writers, reading sync.WaitGroup
		for range 10 {
			writers.Go(func() { writeFeed(t, bases, m, over, &written) })
		}
		done := make(chan struct{})
		readers := []*follower{{token: m.staff}, {token: m.staff}, {token: m.staff}}
		polls := make([]int, len(readers))
		for i, reader := range readers {
			reading.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-done:
						return
					case <-time.After(rand.N(5 * time.Millisecond)):
					}
					if _, err := reader.poll(bases[(i+n)%len(bases)]); err != nil { // a position is good on each replica
						t.Errorf("reader %d: %v", i, err)
						return
					}
					polls[i]++
				}
			})
		}
		time.Sleep(time.Duration(rounds(3, 60)) * time.Second)
		close(over)
		writers.Wait()
		close(done)
		reading.Wait()
		for i, reader := range readers {
			live := len(reader.events)
			reader.catchUp(t, bases[i%len(bases)])
			t.Logf("reader %d: %d events in %d polls, %d of them while there were writers", i, len(reader.events), polls[i], live)
			require.Zero(t, int(written.Load())-len(reader.events), "events that reader %d has missed", i)
			reader.requireInOrder(t)
			require.Equal(t, readers[0].events, reader.events)
		}
	})
}
