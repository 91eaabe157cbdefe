//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatNginxRefusesItselfIsInTheEnvelope(t *testing.T) {
	nobody := [2]int{freePort(t), freePort(t)}
	proxy := nginx(t, nobody, nobody)
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
			conn := proxy.dial(t)
			_, _ = io.WriteString(conn, test.request) // which nginx need not read to its end
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
			require.Equal(t, keepHTTPS, response.Header.Get("Strict-Transport-Security"))
			require.Equal(t, test.status == 405, response.Header.Get("Allow") != "", "RFC 9110, section 15.5.6")
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

func TestAClientOfHTTP10WithoutAHostIsServedBehindEveryProxy(t *testing.T) {
	var last atomic.Value // the Host line of the last request
	replica := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/user/info" {
			last.Store("Host: " + r.Host)
		}
	}))
	t.Cleanup(replica.Close)
	port := replica.Listener.Addr().(*net.TCPAddr).Port
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			proxy := proxy(t, [2]int{port, port})
			for _, host := range []string{"", "shop.example:8080"} {
				request := "GET /user/info HTTP/1.0\r\n"
				if host != "" {
					request += "Host: " + host + "\r\n"
				}
				conn := proxy.dial(t)
				_, err := io.WriteString(conn, request+"\r\n")
				require.NoError(t, err)
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
				require.Equal(t, 200, response.StatusCode)
				require.NoError(t, conn.Close())
				sent := last.Swap("").(string)
				require.NotEmpty(t, sent, "%q did not come to the replica", request)
				require.True(t, host == "" || "Host: "+host == sent, "the Host was changed to "+sent)
			}
		})
	}
}

// A replica is gone, or it goes away with a request that it may have carried out.
func TestThatNoReplicaAnswersIsSaidInTheEnvelope(t *testing.T) {
	dropping := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(dropping.Close)
	port := dropping.Listener.Addr().(*net.TCPAddr).Port
	// HAProxy leaves it to the client to repeat a request on a connection that has had one: it closes it without a word.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting()}}
	const unavailable, unknown = "服务暂不可用，请稍后重试", "结果未知，请查询后再决定是否重试"
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, ports := range [][2]int{{port, port}, {freePort(t), freePort(t)}} {
				base := proxy(t, ports).url
				read := sendBy(client, "GET", base+"/order/query/1", "", "")
				require.Equal(t, []any{503, 503, unavailable}, []any{read.status, read.Code, read.Msg}, read.body)
				write := sendBy(client, "POST", base+"/order/create", "", "{}")
				require.Equal(t, []any{503, 503}, []any{write.status, write.Code}, write.body)
				if ports[0] == port {
					require.Equal(t, unknown, write.Msg)
				}
				require.Empty(t, write.header.Get("Retry-After"))
				require.Equal(t, keepHTTPS, write.header.Get("Strict-Transport-Security"))
				require.Equal(t, "application/json; charset=utf-8", write.header.Get("Content-Type"))
			}
		})
	}
}

// A replica goes away with a write that it may have carried out. Neither the proxy may send it again nor a client that takes an
// answer that is missing for a promise that nothing has happened, as with REFUSED_STREAM (RFC 9113, section 8.7).
func TestAWriteThatMayHaveBeenCarriedOutIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var writes atomic.Int64
			dropping := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.Method == "POST" {
					writes.Add(1)
					panic(http.ErrAbortHandler)
				}
			}))
			t.Cleanup(dropping.Close)
			port := dropping.Listener.Addr().(*net.TCPAddr).Port
			f := proxy(t, [2]int{port, port})
			for _, http2 := range []bool{true, false} {
				client := from(t, "127.0.0.1", http2)
				for range 2 { // so that the write is not the first request of its connection
					require.Equal(t, 200, sendBy(client, "GET", f.url+"/user/info", "", "").status)
				}
				writes.Store(0)
				answer := sendBy(client, "POST", f.url+"/order/create", "", "{}")
				require.EqualValues(t, 1, writes.Load(), "HTTP/2: %v", http2)
				require.Equal(t, []any{503, "结果未知，请查询后再决定是否重试"}, []any{answer.status, answer.Msg}, "HTTP/2: %v", http2)
			}
		})
	}
}
