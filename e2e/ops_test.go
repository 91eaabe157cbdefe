//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var opsAddress = regexp.MustCompile(`msg=starting .* ops=(\S+)`)

func TestMetricsAreOffByDefault(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	base := p.url(t)
	require.Contains(t, said(t, p.stdout), " ops=off traces=off\n")
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		require.Equal(t, 404, send("GET", base+path, "", "").status)
	}
	p.stop(t)
}

func TestMetricsAreServedWhileTheServiceDrainsAndStopWithIt(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "OPS_ADDR=127.0.0.1:0", "DRAIN_DELAY=1s")
	p.url(t)
	ops := opsAddress.FindStringSubmatch(said(t, p.stdout))[1]
	scrape := func() string {
		response := send("GET", "http://"+ops+"/metrics", "", "")
		require.Equal(t, 200, response.status)
		return response.body
	}
	require.Contains(t, scrape(), "process_open_fds ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.waitUntilStopping(t)
	require.Contains(t, scrape(), "userorder_build_info{")
	require.Equal(t, 0, p.exit(t), said(t, p.stderr))
	_, err := net.Dial("tcp", ops)
	require.Error(t, err)
}

func TestProbesAreAnsweredWhileClientsHaveAllConnections(t *testing.T) {
	t.Parallel()
	ops := fmt.Sprint("127.0.0.1:", freePort(t))
	p := start(t, t.TempDir(), "OPS_ADDR="+ops, "MAX_CONNECTIONS=2")
	host := strings.TrimPrefix(p.url(t), "http://")
	for range 2 {
		conn, err := net.Dial("tcp", host)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
		require.NoError(t, err)
		_, err = http.ReadResponse(bufio.NewReader(conn), nil) // it is accepted, and kept alive
		require.NoError(t, err)
	}
	impatient := &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{}}
	require.Zero(t, sendBy(impatient, "GET", "http://"+host+"/healthz", "", "").status, "there are connections left")
	for _, path := range []string{"/healthz", "/readyz"} {
		require.Equal(t, 200, send("GET", "http://"+ops+path, "", "").status, path)
	}
	_, port, err := net.SplitHostPort(host)
	require.NoError(t, err)
	check := userorder(t, t.TempDir(), []string{"healthcheck"}, "HOST=127.0.0.1", "PORT="+port, "OPS_ADDR="+ops)
	require.Equal(t, 0, check.exit(t), said(t, check.stderr))
}

func TestASilentCollectorDelaysNoRequestAndDelaysShutdownByAtMostFiveSeconds(t *testing.T) {
	t.Parallel()
	collector, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts connections, but nothing reads from them
	require.NoError(t, err)
	defer func() { _ = collector.Close() }()
	p := start(t, t.TempDir(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collector.Addr().String(), "OTEL_BSP_MAX_QUEUE_SIZE=10")
	token := login(t, p.url(t))
	began := time.Now()
	for range 100 { // many more than the queue holds
		require.True(t, create(p.url(t), token, "p").ok())
	}
	require.Less(t, time.Since(began), 5*time.Second)
	began = time.Now()
	p.stop(t)
	require.Less(t, time.Since(began), 8*time.Second)
	require.Equal(t, 1, strings.Count(said(t, p.stdout), "the last traces are lost"), said(t, p.stdout))
}
