//go:build unix

package e2e

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// failover is a service under load on a PostgreSQL primary with a synchronous standby.
type failover struct {
	primary, standby *postgres
	base             string
	ledger           *ledger
	stop             func() // ends the load; may be called again
}

func newFailover(t *testing.T) *failover {
	primary := newPostgres(t)
	f := &failover{primary: primary, standby: primary.standby(t)}
	primary.settings = []string{"synchronous_standby_names=*"}
	primary.stop(t, syscall.SIGINT)
	primary.start(t)
	require.Eventually(t, func() bool { return primary.query("SELECT sync_state FROM pg_stat_replication") == "sync" },
		30*time.Second, 50*time.Millisecond, "the standby is not synchronous")

	p := start(t, t.TempDir(), "DATABASE_URL="+urlOf(f.primary, f.standby), smallPool)
	f.base = p.url(t)
	f.ledger = newLedger(login(t, f.base))
	over := make(chan struct{})
	wait := f.ledger.writeOn(t, f.base, 8, over)
	f.stop = sync.OnceFunc(func() {
		close(over)
		wait()
	})
	t.Cleanup(f.stop)
	time.Sleep(time.Second)
	return f
}

// served calls end, which ends an outage, waits up to five seconds for the next acknowledged order, and returns the
// time from the call to that order.
func (f *failover) served(t *testing.T, end func()) time.Duration {
	t.Helper()
	before, began := f.ledger.count(), time.Now()
	end()
	require.Eventually(t, func() bool { return f.ledger.count() > before }, 5*time.Second, 2*time.Millisecond,
		"no more orders are acknowledged")
	return time.Since(began)
}

// finish ends the load and checks everything that was acknowledged.
func (f *failover) finish(t *testing.T, what string, outage time.Duration) {
	t.Helper()
	time.Sleep(time.Second)
	f.stop()
	require.Equal(t, 200, send("GET", f.base+"/readyz", "", "").status)
	t.Logf("%s: served again after %v; %d requests failed as unknown, %d as unavailable",
		what, outage.Round(time.Millisecond), f.ledger.unknown, f.ledger.unavailable)
	f.ledger.checkAll(t, f.base)
}

func TestAPrimaryThatCrashesAndRestartsLosesNothing(t *testing.T) {
	slow(t)
	f := newFailover(t)
	f.primary.stop(t, syscall.SIGQUIT)
	readyWithin(t, f.base, 5*time.Second, 503)
	require.Equal(t, 200, send("GET", f.base+"/healthz", "", "").status)
	time.Sleep(time.Second)
	outage := f.served(t, func() { f.primary.start(t) })
	readyWithin(t, f.base, 5*time.Second, 200)
	f.finish(t, "a crash and a restart in place", outage)
}

func TestAPromotedStandbyHasEverythingAcknowledged(t *testing.T) {
	slow(t)
	f := newFailover(t)
	f.primary.stop(t, syscall.SIGQUIT)
	readyWithin(t, f.base, 5*time.Second, 503)
	time.Sleep(time.Second)
	outage := f.served(t, func() { require.Equal(t, "true", f.standby.query("SELECT pg_promote()::text")) })
	readyWithin(t, f.base, 5*time.Second, 200)
	f.finish(t, "a crash and a promotion", outage)
}

func TestAFrozenStandbyDelaysWritesAndLosesNone(t *testing.T) {
	slow(t)
	f := newFailover(t)
	f.standby.freeze(t, syscall.SIGSTOP)
	time.Sleep(4 * time.Second)
	outage := f.served(t, func() { f.standby.freeze(t, syscall.SIGCONT) })
	f.finish(t, "a standby frozen for 4 s", outage)
}

// TestASilentPrimaryIsAbandoned freezes the primary, which then neither refuses nor closes a connection, like a
// machine without power.
func TestASilentPrimaryIsAbandoned(t *testing.T) {
	slow(t)
	f := newFailover(t)
	f.primary.freeze(t, syscall.SIGSTOP)
	readyWithin(t, f.base, 5*time.Second, 503)
	before, began := f.ledger.count(), time.Now()
	require.Equal(t, "true", f.standby.query("SELECT pg_promote()::text"))
	require.Eventually(t, func() bool { return f.ledger.count() > before }, 15*time.Second, 2*time.Millisecond,
		"no more orders are acknowledged")
	outage := time.Since(began)

	second := start(t, t.TempDir(), "DATABASE_URL="+urlOf(f.primary, f.standby), smallPool) // although the first host in the URL is silent
	require.Equal(t, 200, send("GET", second.url(t)+"/readyz", "", "").status)
	f.finish(t, "a silent primary and a promotion", outage)
	f.primary.freeze(t, syscall.SIGCONT)
	f.primary.stop(t, syscall.SIGQUIT)
}

// TestARequestThatIsRepeatedIsNotAcknowledgedBeforeTheStandbyHasIt: when the service gives up a commit that waits for the
// standby, PostgreSQL shows the row to everybody, although it is lost if the primary is.
func TestARequestThatIsRepeatedIsNotAcknowledgedBeforeTheStandbyHasIt(t *testing.T) {
	slow(t)
	f := newFailover(t)
	f.stop()
	f.primary.query(`UPDATE users SET role = 'staff' RETURNING role`)
	staff := send("POST", f.base+"/user/login", "", testUser).Data.Token
	order := create(f.base, staff, "to be paid").Data.ID
	require.NotEmpty(t, order)
	requests := []func() reply{
		func() reply {
			key := [][2]string{{"Idempotency-Key", "a-key"}}
			return sendWith(http.DefaultClient, key, "POST", f.base+"/order/create", staff, `{"product":"once","price":1.5}`)
		},
		func() reply { return send("POST", f.base+"/order/status/"+order, staff, `{"status":"paid"}`) },
	}
	f.standby.freeze(t, syscall.SIGSTOP)
	t.Cleanup(func() { f.standby.freeze(t, syscall.SIGCONT) })
	for range 2 {
		answers := make([]reply, len(requests))
		var group sync.WaitGroup
		for i, request := range requests {
			group.Go(func() { answers[i] = request() })
		}
		group.Wait()
		for _, answer := range answers {
			require.Equal(t, 503, answer.status, answer.body)
			require.Contains(t, answer.Msg, "结果未知")
		}
	}
	f.standby.freeze(t, syscall.SIGCONT)
	for _, request := range requests {
		require.Eventually(t, func() bool { return request().ok() }, 20*time.Second, 100*time.Millisecond)
	}
}
