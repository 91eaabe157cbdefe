//go:build unix

package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// TestARollingRestartFailsNoRequestBehind restarts each of two replicas five times under load. It runs alone, because a
// machine that is busy with other tests misses health checks.
func TestARollingRestartFailsNoRequestBehind(t *testing.T) {
	slow(t)
	for name, start := range proxies() {
		t.Run(name, func(t *testing.T) { rollingRestart(t, start) })
	}
}

func rollingRestart(t *testing.T, proxy startProxy) {
	url, ports := databasetest.Postgres(t), [2]int{freePort(t), freePort(t)}
	run := func(n int) *program {
		p := start(t, t.TempDir(), "DATABASE_URL="+url, "TRUSTED_PROXIES=127.0.0.1", "DRAIN_DELAY=1s", fmt.Sprint("PORT=", ports[n]))
		readyWithin(t, p.url(t), 10*time.Second, 200)
		return p
	}
	replicas := [2]*program{run(0), run(1)}
	base := proxy(t, ports)
	require.Eventually(t, func() bool { return send("GET", base+"/readyz", "", "").status == 200 }, 15*time.Second, 20*time.Millisecond)
	token := login(t, base)
	order := create(base, token, "before").Data.ID

	var served, failed atomic.Int64
	over := make(chan struct{})
	var group sync.WaitGroup
	for client := range 16 {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				answer := send("GET", base+"/order/query/"+order, token, "")
				if (client+n)%4 == 0 {
					answer = create(base, token, "during")
				}
				if answer.ok() {
					served.Add(1)
				} else if failed.Add(1) < 10 {
					t.Logf("failed: request %d of client %d: %d %s", n, client, answer.status, answer.body)
				}
			}
		})
	}
	for round := range 10 {
		time.Sleep(time.Second)
		n := round % 2
		replicas[n].stop(t)
		replicas[n] = run(n)
		time.Sleep(1500 * time.Millisecond) // until the proxy has seen that it is back
	}
	close(over)
	group.Wait()
	t.Logf("%d requests served, %d failed", served.Load(), failed.Load())
	require.Greater(t, served.Load(), int64(20_000))
	require.Zero(t, failed.Load())
}
