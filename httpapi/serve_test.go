package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

// start serves an engine with an echo until stop is called; ended receives the result of Serve.
func start(t *testing.T, delay time.Duration) (address string, stop func(), ended <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	engine := newEngine(t, httpapi.Config{Ready: func(context.Context) error { return ctx.Err() }})
	engine.POST("/echo", httpapi.Handle(func(c *gin.Context) error {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, gin.H{"body": string(body)})
	}))
	var network net.ListenConfig
	network.SetMultipathTCP(false) // as main does
	listener, err := network.Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener = httpapi.Bound(listener, httpapi.Bounds{Total: 1000})
	result := make(chan error, 1)
	go func() {
		result <- httpapi.Serve(ctx, listener, engine, httpapi.ServeConfig{Log: silent, DrainDelay: delay, IdleTimeout: time.Minute})
	}()
	return listener.Addr().String(), cancel, result
}

func TestServeFinishesRequestsInFlightBeforeItStops(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 300*time.Millisecond)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst")
	require.NoError(t, err)

	stop()
	response, err := http.Get("http://" + address + "/readyz")
	require.NoError(t, err, "it stopped listening before the delay was over")
	_ = response.Body.Close()
	require.Equal(t, 503, response.StatusCode)

	require.Eventually(t, func() bool {
		probe, err := net.Dial("tcp", address)
		if err == nil {
			_ = probe.Close()
		}
		return err != nil
	}, 5*time.Second, 10*time.Millisecond, "it still accepts connections")
	select {
	case err := <-ended:
		t.Fatalf("it stopped with a request in flight: %v", err)
	default:
	}

	_, err = fmt.Fprint(conn, "+last")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "first+last")
	require.NoError(t, <-ended)
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	err = httpapi.Serve(t.Context(), listener, http.NotFoundHandler(), httpapi.ServeConfig{Log: silent})
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestServeBoundsWhatASlowOrTalkativeClientTakes(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 0)
	t.Run("a request line and headers of more than 16 KiB are refused", func(t *testing.T) {
		for size, status := range map[int]int{16 << 10: 200, 16<<10 + 1: 431, 30_000: 431} {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			const begin, end = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ", "\r\n\r\n"
			_, err = fmt.Fprint(conn, begin, strings.Repeat("x", size-len(begin+end)), end)
			require.NoError(t, err)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, status, response.StatusCode, size)
			require.NoError(t, conn.Close())
		}
	})
	t.Run("headers that take more than 5 seconds end the connection", func(t *testing.T) {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\n")
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		start := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		require.InDelta(t, 5, time.Since(start).Seconds(), 2)
	})
	stop()
	require.NoError(t, <-ended)
}

func TestFromTheStopOnEveryResponseClosesItsConnection(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 500*time.Millisecond)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	ask := func() *http.Response {
		_, err := fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		return response
	}
	require.False(t, ask().Close)
	stop()
	require.Eventually(t, func() bool { return ask().Close }, time.Second, time.Millisecond)
	_, err = reader.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, <-ended)
}

// Clients that keep their connections busy must not notice a stop but by Connection: close and by connections that
// are refused.
func TestNoRequestIsResetByAStop(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 300 * time.Millisecond} {
		for range 5 {
			address, stop, ended := start(t, delay)
			var group sync.WaitGroup
			var served atomic.Int64
			for range 16 {
				group.Go(func() {
					for {
						conn, err := net.Dial("tcp", address)
						if err != nil {
							return // it does not listen any more
						}
						served.Add(exchange(t, conn))
						_ = conn.Close()
					}
				})
			}
			time.Sleep(50 * time.Millisecond)
			stop()
			require.NoError(t, <-ended)
			group.Wait()
			require.Greater(t, served.Load(), int64(100))
		}
	}
}

// exchange sends requests on a connection until a response closes it, and returns how many were served. It fails the
// test if one was not. Elsewhere than on Linux the first one may be lost with a connection that was never accepted.
func exchange(t *testing.T, conn net.Conn) (served int64) {
	const lossy = runtime.GOOS != "linux"
	for reader := bufio.NewReader(conn); ; served++ {
		_, err := fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ntext")
		if lossy && served == 0 && err != nil {
			return 0
		}
		response, err := http.ReadResponse(reader, nil)
		if lossy && served == 0 && err != nil {
			return 0
		}
		if err != nil {
			t.Errorf("request %d of a connection: %v", served+1, err)
			return served
		}
		_, _ = io.Copy(io.Discard, response.Body)
		if response.Close {
			return served + 1
		}
	}
}

func TestAConnectionWithoutARequestDelaysNoStop(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 0)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	time.Sleep(50 * time.Millisecond) // until it is accepted
	began := time.Now()
	stop()
	require.NoError(t, <-ended)
	require.Less(t, time.Since(began), 3*time.Second)
}

func TestAHeaderThatHasBegunToArriveIsReadToItsEndAtAStop(t *testing.T) {
	t.Parallel()
	const request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ntext"
	for _, test := range []struct {
		name          string
		before, after string // what arrives before the stop and after it
	}{
		{"of the first request", request[:30], request[30:]},
		{"of a further request", request + request[:30], request[30:]},
		{"of a further request, after its first byte", request + request[:1], request[1:]},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, stop, ended := start(t, 0)
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			reader := bufio.NewReader(conn)
			if first, more := strings.CutPrefix(test.before, request); more {
				_, err = fmt.Fprint(conn, request)
				require.NoError(t, err)
				response, err := http.ReadResponse(reader, nil)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, response.Body)
				time.Sleep(50 * time.Millisecond) // until it is idle
				_, err = fmt.Fprint(conn, first)
				require.NoError(t, err)
			} else {
				_, err = fmt.Fprint(conn, test.before)
				require.NoError(t, err)
			}
			time.Sleep(300 * time.Millisecond)
			stop()
			time.Sleep(700 * time.Millisecond) // longer than idle connections are open
			_, err = fmt.Fprint(conn, test.after)
			require.NoError(t, err)
			response, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			require.Equal(t, 200, response.StatusCode)
			require.True(t, response.Close)
			require.NoError(t, <-ended)
		})
	}
}

func TestAHeaderThatNeverEndsDelaysNoStop(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 0)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\n")
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond) // until it is read
	began := time.Now()
	stop()
	require.NoError(t, <-ended)
	require.Less(t, time.Since(began), 4*time.Second)
}
