package order

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func (s sender) dispatcher() *dispatcher { return s.module.handler.service.webhooks.dispatchers[0] }

// hang makes the receiver answer an order only when release is called.
func (r *receiver) hang(t testing.TB, order int) (release func()) {
	ctx, release := context.WithCancel(t.Context())
	t.Cleanup(release) // before the server is closed
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(got received, _ int) int {
		if got.Order == order {
			<-ctx.Done()
		}
		return http.StatusNoContent
	}
	return release
}

// running runs a dispatcher until the result is called, which returns its error.
func running(t testing.TB, d *dispatcher) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := d.run(ctx); ended <- err }()
	return func() error { cancel(); return <-ended }
}

// hung makes the first order, and runs the dispatcher until a call hangs that has the first event of it.
func (s sender) hung(r *receiver, statuses ...string) (release func(), stop func() error) {
	release = r.hang(s.t, 1)
	s.made(statuses...)
	stop = running(s.t, s.dispatcher())
	require.Eventually(s.t, func() bool { return len(r.got()) == 1 }, 5*time.Second, time.Millisecond)
	return release, stop
}

func TestACallThatHangsHoldsNobodyElseUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		release, stop := s.hung(r, "paid")
		for range 2 * maxCalls {
			s.made()
		}
		require.Eventually(t, func() bool { return len(r.got()) == 1+2*maxCalls }, 5*time.Second, time.Millisecond)
		require.Eventually(t, func() bool { return s.listed()[0].Waiting == 2 }, 5*time.Second, time.Millisecond)
		require.Empty(t, s.listed()[0].NextTry, "the try is under way")
		release()
		require.Eventually(t, func() bool { return s.listed()[0].Waiting == 0 }, 5*time.Second, time.Millisecond)
		require.NoError(t, stop())
	})
}

func TestADispatcherThatIsFarBehindLearnsThatOthersHaveSentAll(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		one, other := senderTo(t, db, now, r.URL), senderTo(t, db, now, r.URL)
		for range 2 * maxCalls {
			one.made()
		}
		one.send()
		other.send() // which has found nothing
		one.made()
		other.send()
		require.Len(t, r.got(), 2*maxCalls+1, "it looks for events no more")
	})
}

// A standby that is promoted may have lost the last events, whose ids others get.
func TestEventsThatAreLostHideNoneThatFollow(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		s.made()
		s.send()
		s.dispatcher().settled += 4 * maxCalls
		s.made()
		s.pass(settledFor)
		s.made()
		s.send()
		require.Equal(t, "1 order.created, 2 order.created, 3 order.created", r.text())
	})
}

func TestAStopWaitsForCallsUnderWayAndBeginsNone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		release, stop := s.hung(r, "paid")
		time.AfterFunc(time.Second, release)
		require.NoError(t, stop())
		require.Len(t, r.got(), 1)
		require.Equal(t, 1, s.listed()[0].Waiting, "the first was taken")
	})
}

func TestAStopCutsACallThatHangsOffAndItsEventIsDue(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		release, stop := s.hung(r)
		start := time.Now()
		require.NoError(t, stop())
		require.InDelta(t, stopGrace, time.Since(start), float64(2*time.Second))
		require.Empty(t, s.listed()[0].LastError, "that is no failure")
		release()
		senderTo(t, db, now, r.URL).send()
		require.Len(t, r.got(), 2, "another process sends it at once")
	})
}

func TestAStopInTheMiddleOfATurnLeavesNoLease(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const rounds = 20
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		for range rounds {
			for range maxCalls {
				s.made()
			}
			stop := running(t, s.dispatcher())
			time.Sleep(rand.N(10 * time.Millisecond))
			require.NoError(t, stop())
			var leased int
			require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM webhook_lanes WHERE lease <> 0").Scan(&leased))
			require.Zero(t, leased)
		}
		s.send()
		require.Len(t, r.got(), rounds*maxCalls, "each is sent once")
	})
}

func TestAWebhookThatFailsAltogetherIsSentLittle(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		r.refuse()
		for range 4 * maxCalls {
			s.made()
		}
		start := time.Now()
		s.send()
		require.Len(t, r.got(), 4*maxCalls, "each is tried")
		require.Greater(t, time.Since(start), 3*troubledPause)
	})
}

func TestAnOrderFromBeforeThereWereEventsIsSentFromItsNextChange(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		s.made()
		s.send()
		_, err := db.Exec(t.Context(), "DELETE FROM order_events")
		require.NoError(t, err)
		s.set(staff, 1, "paid")
		s.set(staff, 1, "shipped")
		s.send()
		require.Equal(t, "1 order.created, 1 order.paid, 1 order.shipped", r.text())
	})
}

// BenchmarkClaim shows what a turn costs for a webhook that is far behind: a million lanes that are due, and half a million
// events without a lane.
func BenchmarkClaim(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": databasetest.SQLite, "postgres": databasetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := databasetest.Open(b, url(b))
			now := begin()
			c := alone(b, db)
			s := c.module.handler.service.store
			id, err := s.addWebhook(b.Context(), "digest", "https://shop.example/", *now)
			require.NoError(b, err)
			const lanes = 1_000_000
			for first := 1; first <= lanes; first += 10_000 {
				_, err := db.Exec(b.Context(), fmt.Sprintf(`
					WITH RECURSIVE series(n) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n < %d)
					INSERT INTO webhook_lanes (webhook_id, order_id, version, last_version, event_at, due_at)
					SELECT CAST($2 AS BIGINT), n, 1, 1, n, n FROM series`, first+9999), first, id)
				require.NoError(b, err)
			}
			until := now.Add(callLease)
			for b.Loop() {
				until = until.Add(time.Millisecond)
				_, _, err := s.take(b.Context(), turn{webhook: id, number: until.UnixMilli(), now: *now, until: until, free: maxCalls})
				require.NoError(b, err)
			}
		})
	}
}
