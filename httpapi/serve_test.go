package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- httpapi.Serve(ctx, listener, engine, silent, delay) }()
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
	err = httpapi.Serve(t.Context(), listener, http.NotFoundHandler(), silent, 0)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestServeBoundsWhatASlowOrTalkativeClientTakes(t *testing.T) {
	t.Parallel()
	address, stop, ended := start(t, 0)
	t.Run("headers of more than 16 KiB are refused", func(t *testing.T) {
		r, err := http.NewRequest("GET", "http://"+address+"/healthz", nil)
		require.NoError(t, err)
		r.Header.Set("X-Long", fmt.Sprintf("%030000d", 1))
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, 431, response.StatusCode)
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
