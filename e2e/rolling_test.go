//go:build unix

package e2e

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// TestRollingRestartsAndAnUpgradeFailNoRequest replaces two replicas on PostgreSQL one after the other, under the load of
// clients behind nginx, HAProxy and Caddy at once. It runs alone, because a machine that is busy with other tests misses
// health checks.
func TestRollingRestartsAndAnUpgradeFailNoRequest(t *testing.T) {
	slow(t)
	this, err := build()
	require.NoError(t, err)
	t.Run("ten rolling restarts", func(t *testing.T) {
		r := newRoll(t, this, "")
		defer r.end()
		for range 10 {
			r.replaceBoth(t, this)
		}
		r.finish(t, 20_000)
	})
	// The previous release refuses the newer schema, so the way back is to the first one that does not.
	t.Run("an upgrade from the previous release, a release back, and again", func(t *testing.T) {
		before, back := buildCommit(t, previous, "previous"), buildCommit(t, withoutEvents, "without-events")
		r := newRoll(t, before, before)
		defer r.end()
		for _, binary := range []string{this, back, this} {
			r.replaceBoth(t, binary)
		}
		r.finish(t, 5_000)
	})
}

// roll is a pair of replicas behind all proxies, with clients.
type roll struct {
	url      string
	ports    [2]int
	replicas [2]*program
	loads    []*load
	current  [2]string // their programs

	// closesEarly is a program that at a stop closes connections on which nginx may be sending a request.
	closesEarly string
	over        chan struct{}
	group       sync.WaitGroup
	once        sync.Once
}

// load is what the clients behind one proxy do.
type load struct {
	front
	proxy, base, token string
	order              string // which they query
	network            string // the first three bytes of their addresses

	// repeats makes clients send again what they have sent on a connection that was idle and is closed, as a reload of
	// nginx closes it. Net/http repeats a write only if it has an Idempotency-Key.
	repeats bool

	mu                      sync.Mutex
	served, created, failed int
	failures                []string
	longest                 time.Duration
}

func newRoll(t *testing.T, binary, closesEarly string) *roll {
	r := &roll{url: databasetest.Postgres(t), ports: [2]int{freePort(t), freePort(t)}, closesEarly: closesEarly, over: make(chan struct{})}
	for n := range r.replicas {
		r.run(t, n, binary)
	}
	for name, proxy := range proxies() {
		f := proxy(t, r.ports)
		l := &load{proxy: name, front: f, base: f.url, network: fmt.Sprintf("127.0.%d.", 1+len(r.loads)), repeats: f.set != nil && closesEarly != ""}
		readyWithin(t, l.base, 15*time.Second, 200)
		l.token = login(t, l.base)
		l.order = create(l.base, l.token, "before").Data.ID
		for client := range 8 {
			l.start(t, &r.group, from(t, fmt.Sprint(l.network, 1+client), client%2 == 0), r.over)
		}
		r.loads = append(r.loads, l)
	}
	return r
}

// run starts a replica and waits until it is ready. Its limits allow each client three times what it does, and all of
// them together, as if they were the proxy, less.
func (r *roll) run(t *testing.T, n int, binary string) {
	t.Helper()
	p := launch(t, t.TempDir(), exec.Command(binary), "DATABASE_URL="+r.url, "TRUSTED_PROXIES=127.0.0.1", "DRAIN_DELAY=1s",
		"RATE_LIMIT=on", "RATE_LIMIT_REQUESTS=3000/10s", fmt.Sprint("PORT=", r.ports[n]))
	readyWithin(t, p.url(t), 30*time.Second, 200)
	r.replicas[n], r.current[n] = p, binary
}

// replaceBoth replaces each replica by another program, and goes on to the next once all proxies send requests to it.
func (r *roll) replaceBoth(t *testing.T, binary string) {
	t.Helper()
	for n := range r.replicas {
		early := r.current[n] == r.closesEarly
		r.use(t, n, false, early)
		r.replicas[n].stop(t)
		r.run(t, n, binary)
		r.use(t, n, true, early)
		for _, l := range r.loads {
			for _, module := range []string{"user", "order"} { // which have replicas of their own in nginx.conf
				seen := regexp.MustCompile(fmt.Sprintf(`path=/%s/.* client=%s\d `, module, regexp.QuoteMeta(l.network)))
				require.Eventually(t, func() bool { return seen.MatchString(said(t, r.replicas[n].stdout)) },
					30*time.Second, 50*time.Millisecond, "%s sends nothing of %s to a replica that is back", l.proxy, module)
			}
		}
	}
}

// use makes proxies that do not ask replicas whether they are ready send requests to one or not, if it closes connections
// early.
func (r *roll) use(t *testing.T, n int, used, early bool) {
	t.Helper()
	for _, l := range r.loads {
		if l.set != nil && early {
			l.set(t, r.ports[n], used)
		}
	}
}

// end makes the clients end.
func (r *roll) end() {
	r.once.Do(func() { close(r.over) })
	r.group.Wait()
}

// finish waits until the clients behind each proxy have been served often enough, and checks that nothing failed.
func (r *roll) finish(t *testing.T, least int) {
	t.Helper()
	for _, l := range r.loads {
		require.Eventually(t, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.served >= least || l.failed > 0
		}, 5*time.Minute, 20*time.Millisecond)
	}
	r.end()
	created := len(r.loads)
	for _, l := range r.loads {
		t.Logf("%s: %d requests, %d failed, the longest answer took %s", l.proxy, l.served+l.failed, l.failed, l.longest.Round(time.Millisecond))
		created += l.created
	}
	for _, l := range r.loads {
		require.Zero(t, l.failed, "%s: %s", l.proxy, strings.Join(l.failures, "\n"))
	}
	db, err := sql.Open("pgx", r.url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var orders int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM orders").Scan(&orders))
	require.Equal(t, created, orders, "an order is lost, or was created twice")
}

// start starts a client, which sends a request every 10 ms, or as soon as the last one is answered: of eight two create an
// order and one cancels it.
func (l *load) start(t *testing.T, group *sync.WaitGroup, client *http.Client, over <-chan struct{}) {
	group.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		mine := ""
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			method, path, body := "GET", "/order/query/"+l.order, ""
			switch n % 8 {
			case 0, 4:
				method, path, body = "POST", "/order/create", `{"product":"during","price":1.5}`
			case 5:
				method, path = "DELETE", "/order/cancel/"+mine
			case 3, 7:
				path = "/user/info"
			}
			began := time.Now()
			var headers [][2]string
			if l.repeats && method != "GET" {
				headers = [][2]string{{"Idempotency-Key", rand.Text()}}
			}
			answer := sendWith(client, headers, method, l.base+path, l.token, body)
			l.count(t, method+" "+path, answer, time.Since(began))
			mine = answer.Data.ID
		}
	})
}

func (l *load) count(t *testing.T, request string, answer reply, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = max(l.longest, took)
	switch {
	case !answer.ok():
		l.failed++
		if len(l.failures) < 10 {
			l.failures = append(l.failures, fmt.Sprintf("%s: %d %s", request, answer.status, answer.body))
			t.Logf("%s: %s", l.proxy, l.failures[len(l.failures)-1])
		}
		return
	case strings.HasPrefix(request, "POST"):
		l.created++
	}
	l.served++
}
