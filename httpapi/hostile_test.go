package httpapi_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// hostile are requests that look for work out of proportion to their size, as large as the server takes them.
var hostile = map[string]func(*http.Request){
	"plain":                     func(*http.Request) {},
	"many languages":            func(r *http.Request) { r.Header.Set("Accept-Language", strings.Repeat("fr,", 5300)) },
	"languages up to the limit": func(r *http.Request) { r.Header.Set("Accept-Language", strings.Repeat("fr,", 85)) },
	"one long language":         func(r *http.Request) { r.Header.Set("Accept-Language", strings.Repeat("a-", 125)) },
	"languages on many lines":   func(r *http.Request) { r.Header["Accept-Language"] = strings.Split(strings.Repeat("fr,", 4000), ",") },
	"a long way through proxies": func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", strings.Repeat("10.0.0.1,", 1700))
	},
	"elements that are empty": func(r *http.Request) { r.Header.Set("X-Forwarded-For", strings.Repeat(",", 15_000)) },
	"elements on many lines": func(r *http.Request) {
		r.Header["X-Forwarded-For"] = strings.Split(strings.Repeat("10.0.0.1 ", 1600), " ")
	},
	"a traceparent that is odd": func(r *http.Request) { r.Header.Set("Traceparent", strings.Repeat("00-", 5000)) },
	"a long tracestate": func(r *http.Request) {
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("Tracestate", strings.Repeat("a=b,", 4000))
	},
	"a long id":               func(r *http.Request) { r.Header.Set("X-Request-Id", strings.Repeat("a", 15_000)) },
	"many cookies":            func(r *http.Request) { r.Header.Set("Cookie", strings.Repeat("a=b;", 4000)) },
	"a long origin":           func(r *http.Request) { r.Header.Set("Origin", "https://"+strings.Repeat("a.", 7000)) },
	"a long query":            func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a=b&", 4000) },
	"a path of many segments": func(r *http.Request) { r.URL.Path = strings.Repeat("/a", 7000) },
	"a path of escapes":       func(r *http.Request) { r.URL.Path = "/" + strings.Repeat("\xff", 5000) },
	"many headers": func(r *http.Request) {
		for i := range 400 {
			r.Header[http.CanonicalHeaderKey("x-"+strings.Repeat("a", i%30)+string(rune('a'+i%26)))] = []string{"v"}
		}
	},
	"a body that nobody reads": func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 60_000))) },
}

func hostileEngine(tb testing.TB) http.Handler {
	var log bytes.Buffer
	return newEngine(tb, httpapi.Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)), TrustedProxies: networks(tb, "192.0.2.0/24", "10.0.0.0/8"),
		Origins: []string{"https://shop.example"},
	})
}

func requestOf(change func(*http.Request), path string) *http.Request {
	r := httpapitest.Request("GET "+path, "", "")
	change(r)
	return r
}

// BenchmarkHostile shows what the worst requests cost beside a plain one.
func BenchmarkHostile(b *testing.B) {
	for name, change := range hostile {
		for _, path := range []string{"/healthz", "/nothing"} {
			b.Run(name+" at "+path, func(b *testing.B) {
				engine := hostileEngine(b)
				r := requestOf(change, path)
				for b.Loop() {
					engine.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
}

func TestNoRequestCostsMoreThanItsSizeIsWorth(t *testing.T) {
	const most = 1500 * time.Microsecond // a tenth of it without the race detector; 5,300 languages once took 6,700
	engine := hostileEngine(t)
	for name, change := range hostile {
		for _, path := range []string{"/healthz", "/nothing"} {
			r, least := requestOf(change, path), time.Hour
			for range 20 { // the least is what it costs on a machine that does nothing else
				start := time.Now()
				engine.ServeHTTP(httptest.NewRecorder(), r)
				least = min(least, time.Since(start))
			}
			require.Less(t, least, most, "%s at %s", name, path)
		}
	}
}
