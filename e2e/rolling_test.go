//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// haproxy starts HAProxy as deploy/haproxy.cfg has it, before replicas on two ports, and returns its URL.
func haproxy(t *testing.T, ports [2]int) string {
	t.Helper()
	binary, err := exec.LookPath("haproxy")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/haproxy")
	}
	need(t, "haproxy", err)
	base, file := example(t, "haproxy.cfg", "bind :80", "bind 127.0.0.1:%d", ports)
	return proxy(t, base, exec.Command(binary, "-db", "-f", file))
}

// caddy starts Caddy as deploy/Caddyfile has it, before replicas on two ports, and returns its URL.
func caddy(t *testing.T, ports [2]int) string {
	t.Helper()
	binary, err := exec.LookPath("caddy")
	need(t, "caddy", err)
	base, file := example(t, "Caddyfile", ":80 {", "{\n\tadmin off\n\tauto_https off\n}\nhttp://127.0.0.1:%d {", ports)
	return proxy(t, base, exec.Command(binary, "run", "--config", file, "--adapter", "caddyfile"))
}

// wholeNginx starts nginx as deploy/nginx.conf has it, but with both modules in every replica.
func wholeNginx(t *testing.T, ports [2]int) string {
	t.Helper()
	return nginx(t, map[string]string{
		"127.0.0.1:5001": fmt.Sprint("127.0.0.1:", ports[0]), "127.0.0.1:5002": fmt.Sprint("127.0.0.1:", ports[1]),
		"127.0.0.1:5003": fmt.Sprint("127.0.0.1:", ports[0]), "127.0.0.1:5004": fmt.Sprint("127.0.0.1:", ports[1]),
	})
}

// example copies a file of deploy with other addresses: listen stands for what makes it listen, which becomes a
// format of the port.
func example(t *testing.T, name, listen, format string, ports [2]int) (base, file string) {
	t.Helper()
	text, err := os.ReadFile("../deploy/" + name)
	require.NoError(t, err)
	port := freePort(t)
	config := string(text)
	for from, to := range map[string]string{
		listen: fmt.Sprintf(format, port), "127.0.0.1:5001": fmt.Sprint("127.0.0.1:", ports[0]),
		"127.0.0.1:5002": fmt.Sprint("127.0.0.1:", ports[1]),
	} {
		require.Equal(t, 1, strings.Count(config, from), from)
		config = strings.Replace(config, from, to, 1)
	}
	file = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return fmt.Sprintf("http://127.0.0.1:%d", port), file
}

// proxy runs a proxy until the test ends, and waits until it answers.
func proxy(t *testing.T, base string, command *exec.Cmd) string {
	t.Helper()
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "HOME="+command.Dir)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	require.Eventually(t, func() bool { return send("GET", base+"/readyz", "", "").status == 200 }, 15*time.Second, 20*time.Millisecond,
		"%s does not answer", command.Path)
	return base
}

// TestARollingRestartFailsNoRequestBehind restarts each of two replicas five times under load. It runs alone, because a
// machine that is busy with other tests misses health checks.
func TestARollingRestartFailsNoRequestBehind(t *testing.T) {
	slow(t)
	for name, start := range map[string]func(*testing.T, [2]int) string{"nginx": wholeNginx, "HAProxy": haproxy, "Caddy": caddy} {
		t.Run(name, func(t *testing.T) { rollingRestart(t, start) })
	}
}

func rollingRestart(t *testing.T, proxy func(*testing.T, [2]int) string) {
	url, ports := databasetest.Postgres(t), [2]int{freePort(t), freePort(t)}
	run := func(n int) *program {
		p := start(t, t.TempDir(), "DATABASE_URL="+url, "TRUSTED_PROXIES=127.0.0.1", "DRAIN_DELAY=1s", fmt.Sprint("PORT=", ports[n]))
		readyWithin(t, p.url(t), 10*time.Second, 200)
		return p
	}
	replicas := [2]*program{run(0), run(1)}
	base := proxy(t, ports)
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
