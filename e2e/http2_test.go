//go:build unix

package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"userorder/certificate/certificatetest"
)

// TestAClientOfHTTP2ThatStopsReadingIsCutOff sends many requests on a connection with an endless window, and reads none of the
// responses.
func TestAClientOfHTTP2ThatStopsReadingIsCutOff(t *testing.T) {
	slow(t)
	t.Parallel()
	authority := certificatetest.New(t)
	certificatePath, keyPath := authority.Write(t, t.TempDir(), time.Hour, "127.0.0.1")
	ops := fmt.Sprint("127.0.0.1:", freePort(t))
	p := start(t, t.TempDir(), "TLS_CERT_FILE="+certificatePath, "TLS_KEY_FILE="+keyPath, "OPS_ADDR="+ops)
	address := strings.TrimPrefix(p.url(t), "http://")
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authority.Pool(), NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(conn, conn)
	require.NoError(t, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}))
	require.NoError(t, framer.WriteWindowUpdate(0, 1<<31-1-65535))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", address}, {":path", "/openapi.json"}} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	first := bytes.Clone(block.Bytes())
	for i := range uint32(100) {
		require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: first, EndStream: true, EndHeaders: true}))
	}
	inFlight := func() string {
		response, err := http.Get("http://" + ops + "/metrics")
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "userorder_http_requests_in_flight "); ok {
				return strings.TrimSpace(rest)
			}
		}
		return ""
	}
	require.Eventually(t, func() bool { return inFlight() != "0" }, 20*time.Second, 10*time.Millisecond, "nothing has been sent")
	require.Eventually(t, func() bool { return inFlight() == "0" }, 60*time.Second, 100*time.Millisecond, "it holds its requests for ever")
	p.stop(t)
}
