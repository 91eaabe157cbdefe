//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// waitUntilStopping waits until the program logs that it stops.
func (p *program) waitUntilStopping(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), "msg=stopping") },
		10*time.Second, time.Millisecond, "the program does not log that it stops")
}

// halfSent sends a request that creates an order, without the last byte of its body.
func halfSent(t *testing.T, base, token, body string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /order/create HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		token, len(body), body[:len(body)-1])
	require.NoError(t, err)
	return conn
}

func TestAStopUnderLoadFinishesRequestsInFlight(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url)
		l := newLedger(login(t, p.url(t)))
		const body = `{"product":"sent before and after the stop","price":1}`
		for range rounds(2, 20) {
			wait := l.writeAll(t, p.url(t), 4)
			var begun []net.Conn
			for range 50 {
				begun = append(begun, halfSent(t, p.url(t), l.token, body))
			}
			time.Sleep(200 * time.Millisecond) // the program has read the first part of them
			require.NoError(t, p.Process.Signal(syscall.SIGTERM))
			p.waitUntilStopping(t)
			for _, conn := range begun {
				_, err := io.WriteString(conn, body[len(body)-1:])
				require.NoError(t, err)
			}
			for _, conn := range begun {
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				text, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, 200, response.StatusCode)
				require.Contains(t, string(text), `"code":0`)
			}
			wait()
			require.Equal(t, 0, p.exit(t), said(t, p.stderr))
			p = start(t, dir, "DATABASE_URL="+url)
			l.checkFresh(t, p.url(t))
		}
		l.checkAll(t, p.url(t))
	})
}

func TestASecondSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	token := login(t, p.url(t))
	halfSent(t, p.url(t), token, `{"product":"never","price":1}`) // delays the end
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.waitUntilStopping(t)
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, -1, p.exit(t))
	require.Less(t, time.Since(began), time.Second)
}
