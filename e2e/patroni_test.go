//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patroniLoad is two replicas of the service on one cluster, each with a ledger of four clients.
type patroniLoad struct {
	cluster *patroni
	bases   [2]string // through HAProxy, and with all nodes in the URL
	ledgers [2]*ledger
	stop    func()
}

func newPatroniLoad(t *testing.T, c *patroni) *patroniLoad {
	t.Helper()
	l := &patroniLoad{cluster: c}
	over := make(chan struct{})
	var waits []func()
	for i, url := range c.urls {
		l.bases[i] = start(t, t.TempDir(), "DATABASE_URL="+url, smallPool).url(t)
		l.ledgers[i] = newLedger(login(t, l.bases[i]))
		waits = append(waits, l.ledgers[i].pacedOn(t, l.bases[i], 3, pace, over), l.ledgers[i].persist(l.bases[i], over))
	}
	l.stop = sync.OnceFunc(func() {
		close(over)
		for _, wait := range waits {
			wait()
		}
	})
	t.Cleanup(l.stop)
	time.Sleep(time.Second)
	return l
}

// pace is the pause of clients after a write: what they write in minutes has to be checked in seconds.
const pace = 50 * time.Millisecond

// persist creates orders at that pace, each with an idempotency key, with which it repeats the request until it is
// acknowledged.
func (l *ledger) persist(base string, over <-chan struct{}) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; {
			select {
			case <-over:
				return
			case <-time.After(pace):
			}
			key := [][2]string{{"Idempotency-Key", fmt.Sprint(base, n)}}
			answer := sendWith(http.DefaultClient, key, "POST", base+"/order/create", l.token, fmt.Sprintf(`{"product":"persistent %d","price":1.5}`, n))
			if !answer.ok() {
				l.failed(answer)
				continue
			}
			l.mu.Lock()
			l.orders[answer.Data.ID] = answer.Data
			l.mu.Unlock()
			n++
		}
	}()
	return func() { <-done }
}

// longestPause returns a function that returns the longest time without an acknowledged order since longestPause was called.
func (l *ledger) longestPause() (stop func() time.Duration) {
	over, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		count, since, most := l.count(), time.Now(), time.Duration(0)
		for {
			select {
			case <-ticker.C:
			case <-over:
				longest <- max(most, time.Since(since))
				return
			}
			if now := l.count(); now > count {
				most = max(most, time.Since(since))
				count, since = now, time.Now()
			}
		}
	}()
	return func() time.Duration {
		close(over)
		return <-longest
	}
}

// survive calls fault, which returns once the fault is over, waits until both replicas acknowledge orders again and the cluster
// is whole, and prints how long each has acknowledged nothing.
func (l *patroniLoad) survive(t *testing.T, what string, fault func()) {
	t.Helper()
	began := time.Now()
	var pauses [2]func() time.Duration
	for i, ledger := range l.ledgers {
		pauses[i] = ledger.longestPause()
	}
	fault()
	l.served(t)
	l.cluster.whole(t)
	t.Logf("%s: the longest time without an acknowledgement is %v through HAProxy, %v with all nodes in the URL; whole again after %v",
		what, pauses[0]().Round(10*time.Millisecond), pauses[1]().Round(10*time.Millisecond), time.Since(began).Round(time.Second))
}

// served waits until both replicas acknowledge an order.
func (l *patroniLoad) served(t *testing.T) {
	t.Helper()
	for i, ledger := range l.ledgers {
		before := ledger.count()
		require.Eventually(t, func() bool { return ledger.count() > before }, 90*time.Second, 5*time.Millisecond,
			"%s acknowledges no orders", l.cluster.urls[i])
	}
}

func TestAPatroniClusterLosesNoAcknowledgedWrite(t *testing.T) {
	slow(t)
	t.Parallel()
	c := newPatroni(t)
	c.createProbe(t)
	l := newPatroniLoad(t, c)

	t.Run("a leader that is killed", func(t *testing.T) {
		leader := c.whole(t)
		l.survive(t, "kill -9 of the leader", func() {
			c.signal(t, leader, syscall.SIGKILL)
			c.otherLeader(t, leader)
			l.served(t)
			c.command(t, "start") // as when the machine is up again
		})
	})

	t.Run("a leader that is frozen", func(t *testing.T) {
		leader := c.whole(t)
		l.survive(t, "a frozen leader", func() {
			writes := c.writeTo(t, leader)
			time.Sleep(500 * time.Millisecond)
			_, acknowledged := writes()
			require.Positive(t, acknowledged, "of a leader that is well")
			c.signal(t, leader, syscall.SIGSTOP)
			c.otherLeader(t, leader)
			l.served(t)
			writes = c.writeTo(t, leader)
			c.signal(t, leader, syscall.SIGCONT)
			c.await(t, leader, "/replica")
			tried, acknowledged := writes()
			t.Logf("a leader that woke up acknowledged %d of %d writes", acknowledged, tried)
			require.Positive(t, tried)
			require.Zero(t, acknowledged)
		})
	})

	t.Run("a switchover", func(t *testing.T) {
		leader := c.whole(t)
		l.survive(t, "patronictl switchover", func() {
			c.command(t, "ctl", "switchover", "--leader", leader, "--force", "userorder")
			c.otherLeader(t, leader)
		})
	})

	t.Run("etcd away for 10 seconds", func(t *testing.T) {
		leader := c.whole(t)
		l.survive(t, "etcd away for 10 s", func() {
			require.NoError(t, syscall.Kill(c.pid(t, "etcd.pid"), syscall.SIGKILL))
			time.Sleep(10 * time.Second)
			c.command(t, "start")
		})
		require.Equal(t, leader, c.whole(t), "failsafe_mode did not keep the leader")
	})

	t.Run("a leader that is cut off from all but its clients", func(t *testing.T) {
		need(t, "network namespaces", c.unisolated)
		leader := c.whole(t)
		l.survive(t, "a partition", func() {
			c.cut(t, leader)
			writes := c.writeTo(t, leader)
			c.otherLeader(t, leader)
			l.served(t)
			tried, acknowledged := writes()
			t.Logf("a leader without a standby acknowledged %d of %d writes", acknowledged, tried)
			require.Positive(t, tried)
			require.Zero(t, acknowledged)
			c.join(t, leader)
			c.await(t, leader, "/replica")
		})
	})

	l.stop()
	for i, ledger := range l.ledgers {
		t.Logf("%d requests failed as unknown, %d as unavailable", ledger.unknown, ledger.unavailable)
		ledger.checkAll(t, l.bases[i])
	}
}
