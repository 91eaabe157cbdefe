package order

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/webhook"
)

// turn makes a turn of the dispatcher after calls have ended, and returns what comes next.
func (s sender) turn(ended ...outcome) []delivery {
	s.t.Helper()
	d := s.dispatcher()
	d.ended = append(d.ended, ended...)
	next, err := d.turn(s.t.Context(), maxCalls)
	require.NoError(s.t, err)
	return next
}

func TestALateAnswerIsNotTakenForThatToALaterEvent(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		s.made("paid", "shipped")
		first := s.turn()[0]
		*now = now.Add(time.Minute) // in which the process was frozen
		s.made("paid", "shipped")
		again := s.turn()
		require.Len(t, again, 2, "the first event of both")
		if again[0].lane != first.lane {
			again[0], again[1] = again[1], again[0]
		}
		paid := s.turn(outcome{first, *now, nil}, outcome{again[1], *now, nil})
		require.Len(t, paid, 1, "that of the second order: the lease of the first answer has run out")
		require.Equal(t, statusPaid, paid[0].event.order.Status)
		paid = append(paid, s.turn(outcome{again[0], *now, nil})...)
		require.Len(t, paid, 2)
		s.turn(outcome{first, *now, webhook.Failure("late")}, outcome{first, *now, context.Canceled},
			outcome{paid[0], *now, nil}, outcome{paid[1], *now, webhook.Failure("status 500")})
		*now = now.Add(time.Hour)
		s.send()
		require.ElementsMatch(t, []string{"1 order.paid", "1 order.shipped", "2 order.shipped"}, strings.Split(r.text(), ", "))
	})
}

func TestAnEventIsNotSentOnceItsLeaseHasRunOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		s.made()
		late := s.turn()[0]
		*now = now.Add(callLease)
		require.ErrorIs(t, s.dispatcher().call(t.Context(), late).err, context.Canceled)
		require.Empty(t, r.got())
	})
}

func TestAClockThatStepsBackMakesNoLongLeases(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		dead, alive := senderTo(t, db, now, r.URL), senderTo(t, db, now, r.URL)
		dead.made()
		*now = now.Add(time.Hour)
		dead.send()
		*now = now.Add(-time.Hour)
		dead.made()
		require.Len(t, dead.turn(), 1)
		alive.pass(callLease)
		require.Len(t, r.got(), 2)
	})
}

func TestAWebhookThatIsForgottenBehindAProcessIsNewToIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		s.made()
		first := s.turn()[0]
		_, err := db.Exec(t.Context(), "DELETE FROM webhooks")
		require.NoError(t, err)
		require.Empty(t, s.turn(outcome{first, *now, nil}))
		s.made()
		s.send()
		require.Equal(t, "2 order.created", r.text())
	})
}

func TestEventsThatWaitForOthersOfTheirOrdersHoldUpNoOtherOrder(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const orders = 3 * maxCalls
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		r.refuse()
		for range orders {
			s.made()
		}
		s.send()
		for id := range orders {
			s.set(staff, int64(id+1), "paid")
		}
		r.refuse(0)
		s.made()
		for more := true; more; {
			var err error
			more, err = s.dispatcher().run(t.Context())
			require.NoError(t, err)
		}
		require.Len(t, r.got(), orders+1)
	})
}

func TestEventsThatHangAgainLeaveRoomForOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const orders = 2 * maxCalls
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		r.refuse()
		for range orders {
			s.made()
		}
		s.send()
		*now = now.Add(time.Minute)
		hung, release := context.WithCancel(t.Context())
		t.Cleanup(release) // before the server is closed
		r.mu.Lock()
		r.answer = func(got received, _ int) int {
			if got.Order <= orders {
				<-hung.Done()
			}
			return http.StatusNoContent
		}
		r.mu.Unlock()
		stop := running(t, s.dispatcher())
		require.Eventually(t, func() bool { return len(r.got()) == orders+maxRetries }, 5*time.Second, time.Millisecond)
		s.made()
		require.Eventually(t, func() bool { return len(r.got()) == orders+maxRetries+1 }, 5*time.Second, time.Millisecond)
		release()
		require.Eventually(t, func() bool { return s.listed()[0].Waiting == 0 }, 5*time.Second, time.Millisecond)
		require.NoError(t, stop())
	})
}

// On SQLite no transaction stays open beside another.
func TestANewWebhookWaitsForTransactionsThatAreOpen(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	now, r := begin(), newReceiver(t)
	old := alone(t, databasetest.Open(t, url))
	old.made()
	opened, ended := make(chan struct{}), make(chan error, 1)
	db := databasetest.Open(t, url)
	go func() {
		ended <- db.Write(context.WithoutCancel(t.Context()), func(tx *database.Tx) error {
			_, err := tx.Exec("INSERT INTO orders (user_id, product, price, status, created_at) VALUES (7, 'slow', 1, 'created', 1)")
			close(opened)
			time.Sleep(500 * time.Millisecond)
			return err
		})
	}()
	<-opened
	old.made()
	s := senderTo(t, databasetest.Open(t, url), now, r.URL)
	require.Len(t, ended, 1, "its event has a lower id than the last one, and would be missed")
	require.NoError(t, <-ended)
	s.made()
	s.send()
	require.Equal(t, "4 order.created", r.text())
}
