package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestWhichPagesMayUseTheService(t *testing.T) {
	const ours, foreign = "https://shop.example.com", "https://evil.example.com"
	for _, test := range []struct {
		name, request, origin string
		preflight             bool
		status                int
		allowed               string
	}{
		{"a page of ours", "POST /things", ours, false, 200, ours},
		{"a page of ours, of an unknown route", "GET /nothing", ours, false, 404, ours},
		{"a page of the service itself", "POST /things", "http://api.example.com", false, 200, ""},
		{"no page at all", "POST /things", "", false, 200, ""},
		{"a foreign page", "POST /things", foreign, false, 403, ""},
		{"a page in a sandbox", "POST /things", "null", false, 403, ""},
		{"a page whose origin begins like ours", "POST /things", ours + ".evil.com", false, 403, ""},
		{"a page of ours in the clear", "POST /things", "http://shop.example.com", false, 403, ""},
		{"a foreign page, of an unknown route", "GET /nothing", foreign, false, 404, ""},
		{"a foreign page, by another method", "PUT /things", foreign, false, 405, ""},
		{"a preflight of ours", "OPTIONS /things", ours, true, 204, ours},
		{"a preflight of a foreign page", "OPTIONS /things", foreign, true, 403, ""},
		{"OPTIONS that are no preflight", "OPTIONS /things", ours, false, 405, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			engine := newEngine(t, httpapi.Config{Origins: []string{ours}})
			engine.POST("/things", httpapi.Handle(func(c *gin.Context) error {
				return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
			}))
			r := httpapitest.Request(test.request, "", "")
			r.Host = "api.example.com"
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			if test.preflight {
				r.Header.Set("Access-Control-Request-Method", "POST")
			}
			w := httpapitest.Serve(engine, r)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, test.allowed, w.Header().Get("Access-Control-Allow-Origin"))
			require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
			switch test.status {
			case 204:
				require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Authorization")
				require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "DELETE")
				for _, name := range []string{"traceparent", "tracestate", "idempotency-key", "if-match", "content-type"} {
					require.Contains(t, strings.ToLower(w.Header().Get("Access-Control-Allow-Headers")), name)
				}
				require.Empty(t, w.Body)
			case 403:
				require.JSONEq(t, `{"code":403,"msg":"不允许来自该网站的请求","data":{}}`, w.Body.String())
			}
		})
	}
}

func TestWithoutOriginsNoPageIsToldAnything(t *testing.T) {
	r := httpapitest.Request("GET /healthz", "", "")
	r.Header.Set("Origin", "https://shop.example.com")
	got := serve(t, newEngine(t, httpapi.Config{}), r)
	require.Equal(t, 200, got.ResponseRecorder.Code)
	require.Empty(t, got.Header().Get("Access-Control-Allow-Origin"))
}

func TestARefusedPageIsLimitedLikeEverybodyElse(t *testing.T) {
	engine := newEngine(t, httpapi.Config{
		Origins: []string{"https://shop.example.com"}, Limit: httpapi.Limit{Count: 1, Per: time.Hour, Burst: 2},
	})
	for i, want := range []int{403, 403, 429} {
		r := httpapitest.Request("OPTIONS /things", "", "")
		r.Header.Set("Origin", "https://evil.example.com")
		r.Header.Set("Access-Control-Request-Method", "POST")
		require.Equal(t, want, serve(t, engine, r).ResponseRecorder.Code, i)
	}
	r := httpapitest.Request("GET /things", "", "")
	r.Header.Set("Origin", "https://shop.example.com")
	got := serve(t, engine, r)
	require.Equal(t, 429, got.ResponseRecorder.Code)
	require.Equal(t, "https://shop.example.com", got.Header().Get("Access-Control-Allow-Origin"), "the page cannot read it")
}

func TestAPageOfAnAppMayUseTheService(t *testing.T) {
	engine := newEngine(t, httpapi.Config{Origins: []string{"capacitor://localhost", "https://shop.example"}})
	for _, origin := range []string{"capacitor://localhost", "https://shop.example"} {
		r := httpapitest.Request("GET /healthz", "", "")
		r.Header.Set("Origin", origin)
		w := httpapitest.Serve(engine, r)
		require.Equal(t, 200, w.Code)
		require.Equal(t, origin, w.Header().Get("Access-Control-Allow-Origin"))
		for _, name := range []string{"ETag", "Retry-After", "X-Request-ID", "Idempotent-Replayed", "WWW-Authenticate"} {
			require.Contains(t, strings.ToLower(w.Header().Get("Access-Control-Expose-Headers")), strings.ToLower(name))
		}
	}
}

func TestAPageOfTheServiceItselfIsKnownBehindAProxyThatChangesHost(t *testing.T) {
	engine := newEngine(t, httpapi.Config{Origins: []string{"https://other.example"}, TrustedProxies: networks(t, "192.0.2.0/24")})
	for _, test := range []struct {
		peer, hosts string
		status      int
	}{
		{"192.0.2.1:1", "shop.example", 404},
		{"192.0.2.1:1", "shop.example, inner", 404},
		{"192.0.2.1:1", " shop.example ,inner:5000, innermost", 404},
		{"192.0.2.1:1", "inner, shop.example", 403},
		{"192.0.2.1:1", ",", 403},
		{"198.51.100.1:1", "shop.example", 403},
		{"198.51.100.1:1", "shop.example, inner", 403},
	} {
		r := httpapitest.Request("OPTIONS /things", "", "")
		r.RemoteAddr, r.Host = test.peer, "10.0.0.1:5000"
		r.Header.Set("Origin", "https://shop.example")
		r.Header.Set("X-Forwarded-Host", test.hosts)
		r.Header.Set("Access-Control-Request-Method", "POST")
		require.Equal(t, test.status, httpapitest.Serve(engine, r).Code, test)
	}
}

func TestARefusedPageIsLoggedWithTheSettingThatWouldAllowIt(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Origins: []string{"https://shop.example"}})
	r := httpapitest.Request("OPTIONS /things", "", "")
	r.Header.Set("Origin", "https://shop.example:8443")
	r.Header.Set("Access-Control-Request-Method", "POST")
	require.Equal(t, 403, httpapitest.Serve(engine, r).Code)
	require.Regexp(t, `origin=https://shop.example:8443 remedy="add the origin to CORS_ORIGINS if it is yours"`, log.String())
}
