package receiver

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func start(t *testing.T) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var served error
	group.Go(func() { served = newReceiver().serve(ctx, listener) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
		require.NoError(t, served)
	})
	return listener.Addr().String()
}

func send(t *testing.T, method, address, id string) (status int, took time.Duration) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+address+Path, strings.NewReader(`{"type":"order.created"}`))
	require.NoError(t, err)
	request.Header.Set("webhook-id", id)
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, time.Since(began)
}

func count(t *testing.T, address string) int {
	t.Helper()
	n, err := Taken(t.Context(), address)
	require.NoError(t, err)
	return n
}

func TestAnEventThatComesTwiceCountsOnce(t *testing.T) {
	address := start(t)
	require.Zero(t, count(t, address))
	for _, id := range []string{"evt_1", "evt_2", "evt_1"} {
		status, took := send(t, http.MethodPost, address, id)
		require.Equal(t, http.StatusNoContent, status)
		require.GreaterOrEqual(t, took, work)
	}
	require.Equal(t, 2, count(t, address))
}

func TestWhatIsNoEventIsRefusedAndDoesNotCount(t *testing.T) {
	address := start(t)
	for method, id := range map[string]string{http.MethodPost: "", http.MethodPut: "evt_1"} {
		status, _ := send(t, method, address, id)
		require.Equal(t, http.StatusBadRequest, status, method)
	}
	_, err := ask(t.Context(), http.MethodGet, address, "/elsewhere")
	require.ErrorContains(t, err, "400")
	require.Zero(t, count(t, address))
}

func TestCallsThatAreHeldAreAnsweredAfterTheRelease(t *testing.T) {
	address := start(t)
	require.NoError(t, Hold(t.Context(), address))
	require.NoError(t, Hold(t.Context(), address), "it is held already")
	conn := dial(t, address)
	write(t, conn, "evt_1")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*work)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the call was answered")
	require.Zero(t, count(t, address))
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	require.NoError(t, Release(t.Context(), address))
	require.NoError(t, Release(t.Context(), address), "it is released already")
	require.Equal(t, string(accepted), read(t, conn))
	require.Equal(t, 1, count(t, address))
}

func TestAConnectionIsKept(t *testing.T) {
	address := start(t)
	conn := dial(t, address)
	for _, id := range []string{"evt_1", "evt_2"} {
		write(t, conn, id)
		require.Equal(t, string(accepted), read(t, conn))
	}
	require.Equal(t, 2, count(t, address))
}

func dial(t *testing.T, address string) net.Conn {
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// write sends an event on a connection.
func write(t *testing.T, conn net.Conn, id string) {
	_, err := conn.Write([]byte("POST /hook HTTP/1.1\r\nHost: x\r\nwebhook-id: " + id + "\r\nContent-Length: 2\r\n\r\n{}"))
	require.NoError(t, err)
}

func read(t *testing.T, conn net.Conn) string {
	buffer := make([]byte, 64)
	n, err := conn.Read(buffer)
	require.NoError(t, err)
	return string(buffer[:n])
}
