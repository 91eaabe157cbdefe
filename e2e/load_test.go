//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// peakMemory returns the peak resident memory of a process, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(said(t, fmt.Sprintf("/proc/%d/status", pid)))
	require.NotNil(t, found)
	kilobytes, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return kilobytes << 10
}

// openFiles returns the number of open file descriptors of a process.
func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(entries)
}

// goroutines ends the program with SIGQUIT and counts the goroutines in the dump that Go prints.
func (p *program) goroutines(t *testing.T) int {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGQUIT))
	require.Equal(t, 2, p.exit(t))
	return strings.Count(said(t, p.stderr), "\ngoroutine ")
}

func TestTwoHundredConcurrentLoginsDoNotSlowReads(t *testing.T) {
	slow(t)
	p := start(t, t.TempDir())
	base := p.url(t)
	login(t, base)
	reader := registration("reader", "reader@example.com") // the others end each other's sessions: there may be 100 of an account
	require.True(t, send("POST", base+"/user/register", "", reader).ok())
	token := send("POST", base+"/user/login", "", reader).Data.Token
	require.True(t, create(base, token, "to be read").ok())

	flood, over := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 200 {
		group.Go(func() {
			for deadline := time.Now().Add(2 * time.Minute); ; {
				answer := send("POST", base+"/user/login", "", testUser)
				if answer.ok() {
					return
				}
				seconds, err := strconv.Atoi(answer.header.Get("Retry-After"))
				if answer.status != 503 || err != nil || time.Now().After(deadline) {
					t.Errorf("a login failed with %d %s", answer.status, answer.body)
					return
				}
				mu.Lock()
				refused++
				mu.Unlock()
				time.Sleep(time.Duration(seconds) * time.Second)
			}
		})
	}
	go func() { group.Wait(); over() }()
	t.Cleanup(group.Wait)
	var took []time.Duration
	for flood.Err() == nil {
		began := time.Now()
		require.True(t, send("GET", base+"/order/query/1", token, "").ok())
		took = append(took, time.Since(began))
		time.Sleep(5 * time.Millisecond)
	}
	slices.Sort(took)
	p95, memory := took[len(took)*95/100], peakMemory(t, p.Process.Pid)
	t.Logf("%d reads during 200 logins: p95 %v, maximum %v; %d logins told to retry; peak memory %d MB",
		len(took), p95, took[len(took)-1], refused, memory>>20)
	require.Greater(t, len(took), 100)
	require.Less(t, p95, 500*time.Millisecond)
	require.Less(t, memory, 200<<20)
}

// hold opens connections that send text and then stay silent.
func hold(t *testing.T, base string, count int, text string) []net.Conn {
	t.Helper()
	var held []net.Conn
	for range count {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		held = append(held, conn)
	}
	return held
}

// impatient returns a client that opens a connection for each request and gives up after a timeout.
func impatient(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true}}
}

func TestSlowConnectionsBlockNobodyAndAreReleased(t *testing.T) {
	slow(t)
	idle := start(t, t.TempDir())
	token := login(t, idle.url(t))
	require.True(t, create(idle.url(t), token, "warm").ok())
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(time.Second)
	before := idle.goroutines(t)

	p := start(t, t.TempDir(), "IDLE_TIMEOUT=30s")
	base := p.url(t)
	token = login(t, base)
	require.True(t, create(base, token, "warm").ok())
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(time.Second)
	filesBefore := openFiles(t, p.Process.Pid)

	head := "POST /order/create HTTP/1.1\r\nHost: test\r\n"
	hold(t, base, 250, head)
	hold(t, base, 250, head+"Authorization: Bearer "+token+"\r\nContent-Length: 100\r\n\r\n{\"product\":")
	hold(t, base, 4500, "")
	hold(t, base, 500, "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
	began, longest := time.Now(), time.Duration(0)
	for time.Since(began) < 4*time.Second { // the server drops the first ones after five seconds
		sent := time.Now()
		require.Equal(t, 200, sendBy(impatient(2*time.Second), "GET", base+"/readyz", "", "").status)
		longest = max(longest, time.Since(sent))
		require.True(t, create(base, token, "meanwhile").ok())
		time.Sleep(50 * time.Millisecond)
	}
	held := openFiles(t, p.Process.Pid)
	require.Greater(t, held, 5000, "connections are missing")
	http.DefaultClient.CloseIdleConnections()
	require.Eventually(t, func() bool { return openFiles(t, p.Process.Pid) <= filesBefore },
		90*time.Second, 500*time.Millisecond, "descriptors are not released")
	after := p.goroutines(t)
	t.Logf("%d descriptors held, the slowest request took %v; released after %v; goroutines: %d before, %d after",
		held, longest, time.Since(began).Round(time.Second), before, after)
	require.LessOrEqual(t, after, before)
}

func TestConnectionsBeyondTheMaximumWait(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "MAX_CONNECTIONS=3")
	base := p.url(t)
	held := hold(t, base, 3, "")
	require.Zero(t, sendBy(impatient(300*time.Millisecond), "GET", base+"/healthz", "", "").status, "a fourth connection is served")
	require.NoError(t, held[0].Close())
	require.Equal(t, 200, sendBy(impatient(2*time.Second), "GET", base+"/healthz", "", "").status)
}
