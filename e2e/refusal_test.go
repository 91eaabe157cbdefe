//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatNginxRefusesItselfIsInTheEnvelope(t *testing.T) {
	base := nginx(t, nil) // with nobody behind it
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"a line that is no header":       {"GET / HTTP/1.1\r\nHost: a\r\nno header\r\n\r\n", 400},
		"a request line that is none":    {"FOO BAR BAZ\r\n\r\n", 400},
		"no Host":                        {"GET / HTTP/1.1\r\n\r\n", 400},
		"a header that is too long":      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 40_000) + "\r\n\r\n", 400},
		"a path of nginx's own":          {"GET /refused/413 HTTP/1.1\r\nHost: a\r\n\r\n", 404},
		"a method that nginx refuses":    {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		"a body that is too long":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413},
		"a path that is too long":        {"GET /" + strings.Repeat("a", 20_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"a transfer coding":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"a replica that is not there":    {"GET /user/info HTTP/1.1\r\nHost: a\r\n\r\n", 503},
		"an HTTP version of the future":  {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
		"a create that nobody has taken": {"POST /order/create HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 503},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			_, _ = io.WriteString(conn, test.request) // which nginx need not read to its end
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
			var envelope struct {
				Code int
				Msg  string
				Data map[string]any
			}
			require.NoError(t, json.NewDecoder(response.Body).Decode(&envelope))
			require.Equal(t, test.status, envelope.Code)
			require.NotEmpty(t, envelope.Msg)
			require.NotNil(t, envelope.Data)
		})
	}
}
