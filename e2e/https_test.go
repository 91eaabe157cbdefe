//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"userorder/e2e/tutorial"
)

// keepHTTPS is the Strict-Transport-Security of every proxy.
const keepHTTPS = "max-age=31536000"

// behindEach runs a test behind each proxy, which sends everything to port.
func behindEach(t *testing.T, port func(t *testing.T) int, test func(t *testing.T, f front)) {
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := port(t)
			test(t, proxy(t, [2]int{backend, backend}))
		})
	}
}

// serving starts the service with settings, and returns its port.
func serving(settings ...string) func(t *testing.T) int {
	return func(t *testing.T) int {
		port := freePort(t)
		settings := append([]string{"TRUSTED_PROXIES=127.0.0.1", fmt.Sprint("PORT=", port)}, settings...)
		start(t, t.TempDir(), settings...).url(t)
		return port
	}
}

// from returns a client with an address of its own, 127.0.0.N, that trusts the authority alone. Without http2 it speaks
// HTTP/1.1.
func from(t *testing.T, address string, http2 bool) *http.Client {
	t.Helper()
	local := &net.TCPAddr{IP: net.ParseIP(address)}
	probe, err := net.ListenTCP("tcp", local)
	need(t, "the whole network 127.0.0.0/8", err)
	require.NoError(t, probe.Close())
	transport := &http.Transport{
		DialContext: (&net.Dialer{LocalAddr: local}).DialContext, TLSClientConfig: trusting(), ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestProxiesSpeakModernTLSAlone(t *testing.T) {
	t.Parallel()
	behindEach(t, serving(), func(t *testing.T, f front) {
		for name, test := range map[string]struct {
			least, most uint16
			suite       uint16
			protocols   []string
			negotiated  string
			refused     bool
		}{
			"TLS 1.0":              {least: tls.VersionTLS10, most: tls.VersionTLS10, refused: true},
			"TLS 1.1":              {least: tls.VersionTLS11, most: tls.VersionTLS11, refused: true},
			"TLS 1.2":              {least: tls.VersionTLS12, most: tls.VersionTLS12},
			"TLS 1.3":              {least: tls.VersionTLS13, most: tls.VersionTLS13},
			"TLS 1.2 with CBC":     {least: tls.VersionTLS12, most: tls.VersionTLS12, suite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, refused: true},
			"HTTP/2":               {most: tls.VersionTLS13, protocols: []string{"h2", "http/1.1"}, negotiated: "h2"},
			"HTTP/2 over TLS 1.2":  {most: tls.VersionTLS12, protocols: []string{"h2", "http/1.1"}, negotiated: "h2"},
			"a client of HTTP/1.1": {most: tls.VersionTLS13, protocols: []string{"http/1.1"}, negotiated: "http/1.1"},
		} {
			config := trusting()
			config.MaxVersion, config.NextProtos = test.most, test.protocols
			if test.least > 0 {
				config.MinVersion = test.least
			}
			if test.suite > 0 {
				config.CipherSuites = []uint16{test.suite}
			}
			conn, err := tls.Dial("tcp", strings.TrimPrefix(f.url, "https://"), config)
			if test.refused {
				require.ErrorContains(t, err, "remote error: tls: ", name)
				continue
			}
			require.NoError(t, err, name)
			require.Equal(t, test.negotiated, conn.ConnectionState().NegotiatedProtocol, name)
			require.NoError(t, conn.Close())
		}
		stranger := &http.Client{Transport: &http.Transport{}}
		require.Zero(t, sendBy(stranger, "GET", f.url+"/healthz", "", "").status, "it trusts anybody")
	})
}

func TestAClientOfTheTutorialWorksOverHTTP2(t *testing.T) {
	t.Parallel()
	behindEach(t, serving("RATE_LIMIT=on"), func(t *testing.T, f front) {
		tutorial.Follow(t, f.url, func(r *http.Request) (*http.Response, error) {
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				return nil, err
			}
			if response.ProtoMajor != 2 || response.Header.Get("Strict-Transport-Security") != keepHTTPS {
				t.Errorf("%s %s: %s, %v", r.Method, r.URL.Path, response.Proto, response.Header)
			}
			return response, nil
		})
	})
}

func TestProxiesRedirectReadsToHTTPSAndRefuseTheRest(t *testing.T) {
	t.Parallel()
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int64
			replica := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" && r.URL.Path != "/healthz" {
					arrived.Add(1)
				}
			}))
			t.Cleanup(replica.Close)
			port := replica.Listener.Addr().(*net.TCPAddr).Port
			f := proxy(t, [2]int{port, port})
			client := from(t, "127.0.0.1", false)
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"} {
				r, err := http.NewRequest(method, f.plain+"/order/query/1?a=%20b", strings.NewReader(""))
				require.NoError(t, err)
				r.Host = "shop.example.com"
				r.Header.Set("Authorization", "Bearer token")
				response, err := client.Do(r)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Empty(t, response.Header.Get("Strict-Transport-Security"), "RFC 6797, section 7.2")
				if method == "GET" || method == "HEAD" {
					require.Equal(t, 308, response.StatusCode, method)
					require.Equal(t, "https://shop.example.com/order/query/1?a=%20b", response.Header.Get("Location"))
					continue
				}
				require.Equal(t, 403, response.StatusCode, method)
				require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
				require.JSONEq(t, `{"code":403,"msg":"请使用 HTTPS","data":{}}`, string(body))
			}
			if answer := sendBy(client, "GET", f.plain+challenge, "", ""); name == "Caddy" { // it answers those that it has asked for
				require.Equal(t, 308, answer.status)
			} else {
				require.Equal(t, []any{200, challenge}, []any{answer.status, answer.body})
			}
			require.Zero(t, arrived.Load(), "the service is reached without TLS")
		})
	}
}

func TestProxiesTellTheServiceWhoTheClientIsAndNoClaim(t *testing.T) {
	t.Parallel()
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan *http.Request, 1)
			replica := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/user/info" {
					seen <- r
				}
			}))
			t.Cleanup(replica.Close)
			port := replica.Listener.Addr().(*net.TCPAddr).Port
			f := proxy(t, [2]int{port, port})
			for _, http2 := range []bool{false, true} {
				for _, claims := range [][][2]string{nil, {
					{"X-Forwarded-For", "203.0.113.7"}, {"X-Forwarded-For", "127.0.0.1, 203.0.113.8"}, {"X-Forwarded-Proto", "http"},
					{"X-Forwarded-Host", "evil.example"},
				}} {
					require.Equal(t, 200, sendWith(from(t, "127.0.0.2", http2), claims, "GET", f.url+"/user/info", "", "").status)
					r := <-seen
					require.Equal(t, []string{"127.0.0.2"}, r.Header["X-Forwarded-For"])
					require.Equal(t, []string{"https"}, r.Header["X-Forwarded-Proto"])
					require.NotContains(t, r.Header.Get("X-Forwarded-Host"), "evil")
					require.Equal(t, strings.TrimPrefix(f.url, "https://"), r.Host)
				}
			}
		})
	}
}

func TestLimitsBehindAProxyCountClientsAndNotTheProxy(t *testing.T) {
	t.Parallel()
	behindEach(t, serving("RATE_LIMIT=on", "RATE_LIMIT_REQUESTS=3/1h"), func(t *testing.T, f front) {
		for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
			client := from(t, address, true)
			for n := range 5 {
				claim := [][2]string{{"X-Forwarded-For", fmt.Sprint("203.0.113.", n)}}
				answer := sendWith(client, claim, "GET", f.url+"/user/info", "", "")
				require.Equal(t, map[bool]int{true: 401, false: 429}[n < 3], answer.status, "request %d of %s", n, address)
			}
		}
	})
}

func TestProxiesSkipAReplicaThatIsDown(t *testing.T) {
	t.Parallel()
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, ports := range [][2]int{{serving()(t), freePort(t)}, {freePort(t), serving()(t)}} {
				f := proxy(t, ports)
				token := login(t, f.url)
				for range 20 {
					order := create(f.url, token, "with one replica down")
					require.True(t, order.ok(), order.body)
					require.True(t, send("GET", f.url+"/order/query/"+order.Data.ID, token, "").ok())
				}
			}
		})
	}
}

// The pages have a policy that names only their own origin, and they keep no cookie whose attributes would matter.
func TestThePagesWorkOverHTTPSBehindEveryProxy(t *testing.T) {
	t.Parallel()
	for name, proxy := range proxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT=on", "CORS_ORIGINS=https://other.example.com")
			var port int
			_, err := fmt.Sscanf(s.base, "http://127.0.0.1:%d", &port)
			require.NoError(t, err)
			s.base = proxy(t, [2]int{port, port}).url
			s.sell(t, "青花瓷茶杯", "12.5")
			d := s.sitDown(t).atWork("青花瓷茶杯")
			require.True(t, js[bool](d, "isSecureContext && location.protocol === 'https:'"))
			d.press("1")
			d.sees("订单 1", "待付款")
			d.press("确认付款")
			d.press("确认付款")
			d.sees("已付款")
			require.Zero(t, js[int](d, "localStorage.length + document.cookie.length"))
			d.requireClean()

			d.do(chromedp.Navigate(s.base+"/"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register")))
			d.seen.requireAtHome(t, s.base)
		})
	}
}
