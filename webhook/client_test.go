package webhook

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// impatient is the timeout of clients whose receivers are too slow.
const impatient = 500 * time.Millisecond

// clientOf returns a client that is closed with the test.
func clientOf(t *testing.T, timeout time.Duration) *Client {
	t.Helper()
	client := newClient(timeout, nil, []Secret{parsed(t, NewSecret())})
	t.Cleanup(client.Close)
	return client
}

// at returns the endpoint of a URL.
func at(t *testing.T, url string) Endpoint {
	t.Helper()
	endpoint, err := ParseURL(url)
	require.NoError(t, err)
	return endpoint
}

// receiver serves handle and returns its URL.
func receiver(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

// rawReceiver calls handle with each connection and returns its URL. It closes them afterwards, at the latest when the
// test ends.
func rawReceiver(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ended, func() { _ = conn.Close() })
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				defer stop()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		end()
		running.Wait()
	})
	return "http://" + listener.Addr().String()
}

// readRequest reads one request with its body.
func readRequest(conn net.Conn) {
	buffer := make([]byte, 64<<10)
	var read []byte
	for !bytes.Contains(read, []byte("\r\n\r\n{}")) {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		read = append(read, buffer[:n]...)
	}
}

// answering returns the handler of a raw receiver that reads a request, writes text, and waits until its client closes.
func answering(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// dripping returns the handler of a raw receiver that reads a request, writes text, and then a byte every 20 ms until
// its client closes.
func dripping(text, drop string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		_, err := io.WriteString(conn, text)
		for err == nil {
			time.Sleep(20 * time.Millisecond)
			_, err = io.WriteString(conn, drop)
		}
	}
}

var message = Message{"evt_1", []byte(`{}`)}

func TestAMessageIsWhatTheSpecificationSays(t *testing.T) {
	texts := []string{NewSecret(), NewSecret()}
	client := NewClient(parsed(t, texts[0]), parsed(t, texts[1]))
	t.Cleanup(client.Close)
	body := []byte(`{"type":"order.paid","data":{"product":"商店 <&>"}}`)
	var got *http.Request
	var received []byte
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		received, _ = io.ReadAll(r.Body)
	})
	url = strings.Replace(url, "http://", "http://us%40er:p%3A%2F@", 1) + "/a%2Fb;c/?x=%20&y=1+2"
	began := time.Now().Unix()
	require.NoError(t, client.Send(t.Context(), at(t, url), Message{"evt_42", body}))
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/a%2Fb;c/?x=%20&y=1+2", got.RequestURI)
	require.Equal(t, body, received)
	require.Equal(t, []string{"application/json"}, got.Header.Values("Content-Type"))
	require.Equal(t, []string{"userorder"}, got.Header.Values("User-Agent"))
	require.Equal(t, []string{"evt_42"}, got.Header.Values("Webhook-Id"))
	user, password, ok := got.BasicAuth()
	require.True(t, ok)
	require.Equal(t, []string{"us@er", "p:/"}, []string{user, password})
	seconds, err := strconv.ParseInt(got.Header.Get("Webhook-Timestamp"), 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, seconds, began)
	require.LessOrEqual(t, seconds, time.Now().Unix())
	require.Len(t, strings.Split(got.Header.Get("Webhook-Signature"), " "), 2)
	for _, text := range texts {
		webhook, err := standardwebhooks.NewWebhook(text)
		require.NoError(t, err)
		require.NoError(t, webhook.Verify(received, got.Header))
	}
	require.Len(t, got.Header, 7, "there is another header: %v", got.Header) // with Authorization and Content-Length
}

func TestOnlyA2xxIsTaken(t *testing.T) {
	client := clientOf(t, timeout)
	var others atomic.Int32
	other := receiver(t, func(http.ResponseWriter, *http.Request) { others.Add(1) })
	for code := 200; code < 600; code++ {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other)
			w.WriteHeader(code)
		})
		err := client.Send(t.Context(), at(t, url), message)
		if code < 300 {
			require.NoError(t, err, code)
		} else {
			require.Equal(t, Failure("status "+strconv.Itoa(code)), err)
		}
		if code%100 > 10 {
			code += 21
		}
	}
	require.Zero(t, others.Load(), "a redirect was followed")
	url := rawReceiver(t, answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
	require.Equal(t, Failure("status 101"), client.Send(t.Context(), at(t, url), message))
}

func TestATakenMessageIsTakenWhateverBecomesOfTheBody(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"it drips":        dripping("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "x"),
		"it never begins": answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
		"it breaks": func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
		},
		"its chunks are bad": answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhunter2"),
		"it never ends":      dripping("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1<<20)),
		"it is no gzip":      answering("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
		"after other answers": answering("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" +
			"HTTP/1.1 204 No Content\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, impatient)
			began := time.Now()
			require.NoError(t, client.Send(t.Context(), at(t, rawReceiver(t, handle)), message))
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
		if r.Header.Get("Webhook-Id") == "evt_long" {
			_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := clientOf(t, timeout)
	to := at(t, server.URL)
	for range 100 {
		require.NoError(t, client.Send(t.Context(), to, message))
	}
	require.EqualValues(t, 1, opened.Load())

	for range 20 { // 32 at once
		var calls sync.WaitGroup
		for range 32 {
			calls.Go(func() { _ = client.Send(t.Context(), to, message) })
		}
		calls.Wait()
	}
	require.LessOrEqual(t, opened.Load(), int32(64))

	client.Close()
	before := opened.Load()
	require.NoError(t, client.Send(t.Context(), to, message), "after Close")
	require.Equal(t, before+1, opened.Load(), "Close leaves idle connections open")
	require.NoError(t, client.Send(t.Context(), to, Message{"evt_long", []byte(`{}`)}))
	require.NoError(t, client.Send(t.Context(), to, message))
	require.Equal(t, before+2, opened.Load(), "a body that is too long is read to its end")
}

func TestAnIdleConnectionThatTheReceiverHasClosedIsNoFailure(t *testing.T) {
	var opened atomic.Int32
	url := rawReceiver(t, func(conn net.Conn) {
		opened.Add(1)
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		readRequest(conn) // and closes
	})
	client := clientOf(t, timeout)
	for range 10 {
		require.NoError(t, client.Send(t.Context(), at(t, url), message))
	}
	require.EqualValues(t, 10, opened.Load())
}

func TestACallThatIsCutOffIsNoFailure(t *testing.T) {
	client := clientOf(t, timeout)
	arrived := make(chan struct{}, 1)
	url := rawReceiver(t, func(conn net.Conn) {
		arrived <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	require.Equal(t, context.Canceled, client.Send(ctx, at(t, url), message))
	require.Equal(t, context.Canceled, client.Send(ctx, at(t, url), message), "before the dial")

	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, client.Send(ctx, at(t, url), message))
}

func TestAReceiverThatHangsHoldsUpNoOther(t *testing.T) {
	client := clientOf(t, timeout)
	ctx, cancel := context.WithCancel(t.Context())
	hanging := at(t, rawReceiver(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }))
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() { _ = client.Send(ctx, hanging, message) })
	}
	to := at(t, receiver(t, func(http.ResponseWriter, *http.Request) {}))
	began := time.Now()
	for range 50 {
		require.NoError(t, client.Send(t.Context(), to, message))
	}
	require.Less(t, time.Since(began), 5*time.Second)
	cancel()
	calls.Wait()
}
