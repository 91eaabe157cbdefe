package httpapi_test

import (
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestCheckOrigin(t *testing.T) {
	for _, text := range []string{
		"https://shop.example.com", "http://localhost:3000", "http://shop.example", "https://shop.example:80", "http://[::1]:8080",
		"https://xn--fiqs8s",
	} {
		require.NoError(t, httpapi.CheckOrigin(text), text)
	}
	for _, text := range []string{
		"", "*", "null", "shop.example", "https://", "https://*.example", "https://shop.example/", "https://shop.example/path",
		"https://shop.example?q", "https://shop.example#f", "https://me@shop.example", "https://shop.example:443", "http://shop.example:80",
		"https://Shop.example", "HTTPS://shop.example", "ftp://shop.example", "https://:8080", "https://shop.example ", "://",
	} {
		require.EqualError(t, httpapi.CheckOrigin(text),
			"takes origins like https://shop.example.com, without a path, a usual port or a *", text)
	}
	_, err := httpapi.NewEngine(httpapi.Config{Log: silent, Origins: []string{"https://shop.example", "*"}})
	require.ErrorContains(t, err, `origin "*": takes origins like`)
}

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
