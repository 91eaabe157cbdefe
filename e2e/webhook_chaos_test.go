//go:build unix

package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// faults are what a receiver does instead of answering, or how it answers badly.
var faults = []struct {
	name   string
	answer answerFunc
}{
	{"500", refuse(http.StatusInternalServerError)},
	{"410", refuse(http.StatusGone)},
	{"redirect", redirect},
	{"reset", func(w http.ResponseWriter, _ *http.Request, _ *call) { hijacked(w, reset) }},
	{"closed", func(w http.ResponseWriter, _ *http.Request, _ *call) { hijacked(w, func(net.Conn) {}) }},
	{"half a status line", func(w http.ResponseWriter, _ *http.Request, _ *call) {
		hijacked(w, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 204 No Con") })
	}},
	{"drip", drip},
	{"cut body", cut},
	{"hang", hang},
}

func redirect(w http.ResponseWriter, r *http.Request, _ *call) {
	http.Redirect(w, r, "http://"+r.Host+"/elsewhere", http.StatusMovedPermanently)
}

// hijacked calls do with the connection of a request, and closes it.
func hijacked(w http.ResponseWriter, do func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	do(conn)
	_ = conn.Close()
}

// reset makes the end of a connection a reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// drip takes an event with an answer that comes byte by byte.
func drip(w http.ResponseWriter, _ *http.Request, c *call) {
	hijacked(w, func(conn net.Conn) {
		const answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
		for i := range answer {
			time.Sleep(20 * time.Millisecond)
			c.answered = time.Now()
			if _, err := conn.Write([]byte{answer[i]}); err != nil {
				return
			}
		}
		c.taken = true
		for range 10 {
			time.Sleep(50 * time.Millisecond)
			_, _ = conn.Write([]byte("."))
		}
	})
}

// cut takes an event with an answer that ends too early.
func cut(w http.ResponseWriter, _ *http.Request, c *call) {
	hijacked(w, func(conn net.Conn) {
		c.answered = time.Now()
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n...")
		c.taken = err == nil
	})
}

// moody answers by chance: one call in four has a fault.
type moody struct {
	mu     sync.Mutex
	hangs  int // at most, since each takes 10 seconds
	counts map[string]int
}

func (m *moody) choose() answerFunc {
	fault := faults[rand.IntN(len(faults))]
	m.mu.Lock()
	defer m.mu.Unlock()
	if rand.IntN(4) > 0 || fault.name == "hang" && m.counts["hang"] == m.hangs {
		return take
	}
	m.counts[fault.name]++
	return fault.answer
}

func (m *moody) answer(w http.ResponseWriter, r *http.Request, c *call) {
	m.choose()(w, r, c)
}

// unread makes a handler reset one connection in fifty before it reads the request, and counts them.
func unread(next http.Handler, count *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rand.IntN(50) > 0 {
			next.ServeHTTP(w, r)
			return
		}
		count.Add(1)
		hijacked(w, reset)
	})
}

// fleet is processes that share a database.
type fleet struct {
	wire     *wire // nil for a file
	settings []string

	mu       sync.Mutex
	programs []*program
	bases    []string
	kills    []time.Time
}

// newFleet starts three processes on a PostgreSQL server, or one on a file.
func newFleet(t *testing.T, url string, r *receiver) *fleet {
	t.Helper()
	f, count := &fleet{}, 1
	if _, file := database.SQLitePath(url); !file {
		f.wire, count = newWire(t, url), 3
		url = f.wire.url
	}
	f.settings = r.settings("DATABASE_URL=" + url)
	for range count {
		p := start(t, t.TempDir(), f.settings...)
		f.programs, f.bases = append(f.programs, p), append(f.bases, p.url(t))
	}
	return f
}

// spoil makes the connections to the server bad, or good again.
func (f *fleet) spoil(bad bool) {
	if f.wire != nil {
		f.wire.bad.Store(bad)
	}
}

// base returns the URL of any process, which may be dead.
func (f *fleet) base() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bases[rand.IntN(len(f.bases))]
}

// kill kills a process, and starts another in its place. A start needs connections that are good.
func (f *fleet) kill(t *testing.T, n int) {
	f.programs[n].kill()
	f.mu.Lock()
	f.kills = append(f.kills, time.Now())
	f.mu.Unlock()
	f.spoil(false)
	defer f.spoil(true)
	p := start(t, t.TempDir(), f.settings...)
	base := p.url(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.programs[n], f.bases[n] = p, base
}

// every calls do in a pause until over is closed. It returns a function that waits for that.
func every(pause time.Duration, over <-chan struct{}, do func()) (wait func()) {
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(pause/2 + rand.N(pause)):
			}
			do()
		}
	})
	return group.Wait
}

// besiege has clients write while processes are killed, one after the other, and connections are lost.
func (f *fleet) besiege(t *testing.T, m *movers, kills int) {
	over := make(chan struct{})
	var waits []func()
	for range 4 {
		waits = append(waits, every(10*time.Millisecond, over, func() { m.write(f.base(), rand.IntN(1000)) }))
	}
	defer func() {
		close(over)
		for _, wait := range waits {
			wait()
		}
	}()
	f.spoil(true)
	for n := range kills {
		time.Sleep(500*time.Millisecond + rand.N(500*time.Millisecond))
		f.kill(t, n%len(f.programs))
	}
	time.Sleep(2 * time.Second)
	f.spoil(false)
}

// TestEveryEventArrivesWhateverDies kills processes and, on PostgreSQL, connections, while the receiver fails in all ways.
func TestEveryEventArrivesWhateverDies(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		mood := &moody{hangs: rounds(3, 20), counts: map[string]int{}}
		r := newReceiver(t)
		r.answering(mood.answer)
		var unreadCount atomic.Int64
		r.Config.Handler = unread(r, &unreadCount)
		f := newFleet(t, url, r)
		m := newMovers(login(t, f.base()), clerk(t, f.base(), url))
		arrived := make(chan struct{})
		wait := every(500*time.Millisecond, arrived, func() { send("POST", f.base()+"/order/webhooks/retry", m.staff, "") })
		defer func() { close(arrived); wait() }()

		f.besiege(t, m, rounds(4, 60))
		require.Eventually(t, func() bool {
			q, err := queueAt(f.base(), m.staff)
			return err == nil && q.Waiting == 0
		}, 2*time.Minute, 100*time.Millisecond, "events wait for ever")
		feed := follower{token: m.staff}
		feed.catchUp(t, f.base())
		feed.requireInOrder(t)
		calls := r.got()
		repeats := requireAllArrived(t, feed.events, calls, f.kills)
		t.Logf("%d events, %d calls, %d reset before they were read, faults %v; %d kills, after which %d calls were repeated",
			len(feed.events), len(calls), unreadCount.Load(), mood.counts, len(f.kills), repeats)
		if f.wire != nil {
			t.Logf("%d connections were lost after a COMMIT, %d at other times", f.wire.commits.Load(), f.wire.cut.Load())
		}
	})
}

// requireAllArrived requires that a receiver has taken each event of the feed, those of each order in turn, and that none
// came again after it was taken, except after a kill. It returns the number of these.
func requireAllArrived(t *testing.T, feed []orderEvent, calls []call, kills []time.Time) (repeats int) {
	t.Helper()
	slices.SortFunc(calls, func(a, b call) int { return a.begun.Compare(b.begun) })
	byEvent := map[string][]call{}
	for _, c := range calls {
		byEvent[c.id] = append(byEvent[c.id], c)
	}
	turn := map[string]time.Time{} // when the receiver had taken all events of an order so far
	for _, e := range feed {
		all := byEvent[e.ID]
		delete(byEvent, e.ID)
		first := slices.IndexFunc(all, func(c call) bool { return c.taken })
		require.GreaterOrEqual(t, first, 0, "event %v is lost: %d calls", e, len(all))
		for _, c := range all {
			require.Equal(t, []any{e.Type, e.At, e.Order}, []any{c.kind, c.at, c.order})
			require.False(t, c.begun.Before(turn[e.Order.ID]), "event %v came before the one before it was taken", e)
		}
		turn[e.Order.ID] = all[first].answered
		repeats += requireCause(t, e, all[first:], kills)
	}
	require.Empty(t, byEvent, "events that the feed does not have")
	return repeats
}

// requireCause requires of all calls of an event after one that was taken that a process was killed then, and that its lease
// has run out. It returns their number.
func requireCause(t *testing.T, e orderEvent, calls []call, kills []time.Time) (repeats int) {
	t.Helper()
	const late = 2 * time.Second // to record that it was taken
	last := calls[0]
	for _, c := range calls[1:] {
		require.True(t, slices.ContainsFunc(kills, func(kill time.Time) bool {
			return kill.After(last.begun.Add(-late/10)) && kill.Before(last.answered.Add(late))
		}), "event %v was taken at %v and came again at %v: nothing was killed then: %v", e, last.answered, c.begun, kills)
		require.Greater(t, c.begun.Sub(last.begun), webhookLease-late, "event %v came again before its lease had run out", e)
		repeats++
		if c.taken {
			last = c
		}
	}
	return repeats
}
