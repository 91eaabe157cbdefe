package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
)

// watched is the whole service with its metrics, and what they say.
func watched(t *testing.T, url string, settings map[string]string) (handler http.Handler, scrape func() string) {
	env := map[string]string{"DATABASE_URL": url, "JWT_SECRET": strings.Repeat("s", 32), "OPS_ADDR": "127.0.0.1:0"}
	for name, value := range settings {
		env[name] = value
	}
	cfg, err := loadConfig(t.Context(), environment(env))
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	api, err := newService(t.Context(), cfg, log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	return api.metrics.Around(api.engine), func() string {
		w := httpapitest.Call(api.metrics.Handler(log), "GET /metrics", "", "")
		require.Equal(t, 200, w.Code)
		return w.Body.String()
	}
}

func TestTheMetricsAgreeWithWhatWasAsked(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		handler, scrape := watched(t, url, map[string]string{
			"LOGIN_FAILURES": "2/15m", "RATE_LIMIT_REGISTRATIONS": "1/1h", "RATE_LIMIT_LOGINS": "5/1h", "RATE_LIMIT_REQUESTS": "19/1h",
		})
		for line, value := range map[string]string{"limit=\"logins\"": "0", "limit=\"failures\"": "0"} {
			require.Contains(t, scrape(), "userorder_http_requests_throttled_total{"+line+"} "+value+"\n")
		}
		token := member(t, handler, testUser)                                                       // a registration and a login
		require.Equal(t, 429, httpapitest.Call(handler, "POST /user/register", "", otherUser).Code) // too many
		for range 3 {                                                                               // the third one is over LOGIN_FAILURES
			httpapitest.Call(handler, "POST /user/login", "", `{"username":"other","password":"wrong-one"}`)
		}
		httpapitest.Call(handler, "POST /user/login", "", testUser)                             // the fifth
		require.Equal(t, 429, httpapitest.Call(handler, "POST /user/login", "", testUser).Code) // too many
		for range 3 {
			require.Equal(t, 200, httpapitest.Call(handler, "POST /order/create", token, `{"product":"p","price":1}`).Code)
		}
		require.Equal(t, 401, httpapitest.Call(handler, "GET /order/query/1", "", "").Code)
		for range 4 {
			require.Equal(t, 200, httpapitest.Call(handler, "GET /order/query/1", token, "").Code)
		}
		require.Equal(t, 404, httpapitest.Call(handler, "GET /nothing/secret", "", "").Code)
		require.Equal(t, 405, httpapitest.Call(handler, "BREW /order/create", "", "").Code)
		require.Equal(t, 200, httpapitest.Call(handler, "GET /order/query/2", token, "").Code)
		require.Equal(t, 429, httpapitest.Call(handler, "GET /order/query/2", token, "").Code) // the 20th
		require.Equal(t, 200, httpapitest.Call(handler, "GET /healthz", "", "").Code)

		text, all := scrape(), strings.Join(moduleNames(), ",")
		for _, line := range []string{
			`userorder_http_requests_total{code="0",method="POST",route="/user/register",status="200"} 1`,
			`userorder_http_requests_total{code="429",method="POST",route="/user/register",status="429"} 1`,
			`userorder_http_requests_total{code="0",method="POST",route="/user/login",status="200"} 2`,
			`userorder_http_requests_total{code="1",method="POST",route="/user/login",status="200"} 2`,
			`userorder_http_requests_total{code="429",method="POST",route="/user/login",status="429"} 2`,
			`userorder_http_requests_total{code="0",method="POST",route="/order/create",status="200"} 3`,
			`userorder_http_requests_total{code="0",method="GET",route="/order/query/:orderid",status="200"} 5`,
			`userorder_http_requests_total{code="401",method="GET",route="/order/query/:orderid",status="401"} 1`,
			`userorder_http_requests_total{code="429",method="GET",route="/order/query/:orderid",status="429"} 1`,
			`userorder_http_requests_total{code="404",method="GET",route="unmatched",status="404"} 1`,
			`userorder_http_requests_total{code="405",method="other",route="unmatched",status="405"} 1`,
			`userorder_http_requests_total{code="0",method="GET",route="/healthz",status="200"} 1`,
			`userorder_http_request_duration_seconds_count{method="GET",route="/order/query/:orderid"} 7`,
			`userorder_http_request_duration_seconds_bucket{method="GET",route="/order/query/:orderid",le="10"} 7`,
			`userorder_http_requests_throttled_total{limit="requests"} 1`,
			`userorder_http_requests_throttled_total{limit="logins"} 1`,
			`userorder_http_requests_throttled_total{limit="registrations"} 1`,
			`userorder_http_requests_throttled_total{limit="failures"} 1`,
			`userorder_http_requests_in_flight 0`,
			`userorder_password_hashes_running 0`,
			`userorder_sessions_ended 0`,
			`userorder_password_hashes_queued 0`,
			`userorder_database_connections_in_use{modules="` + all + `"} 0`,
			`userorder_database_waits_total{modules="` + all + `"} `,
			`userorder_database_wait_seconds_total{modules="` + all + `"} `,
		} {
			require.Contains(t, text, "\n"+line)
		}
		for _, pattern := range []string{
			`\nuserorder_database_connections_idle{modules="` + all + `"} [1-9]`,
			`\nuserorder_database_connections_max{modules="` + all + `"} [1-9]`,
			`\nuserorder_build_info{commit=".+",goversion="go1.+",version=".+"} 1\n`,
			`\ngo_goroutines [1-9]`,
		} {
			require.Regexp(t, pattern, text)
		}
		require.NotContains(t, text, "secret")
		// The issuer of tokens, a user, two logins, two failures and a guess that was refused, three orders, one after the
		// other.
		require.Contains(t, text, "\n"+`userorder_commit_group_writes_sum{modules="`+all+`"} 10`)
		require.Contains(t, text, "\n"+`userorder_commit_group_writes_bucket{modules="`+all+`",le="1"} 10`)
		require.Contains(t, text, "\n"+`userorder_commit_duration_seconds_count{modules="`+all+`"} 10`)
	})
}

func TestTwoDatabasesAreToldApartByTheirModules(t *testing.T) {
	t.Parallel()
	apart := map[string]string{}
	for _, name := range moduleNames() {
		apart[strings.ToUpper(name)+"_DATABASE_URL"] = databasetest.SQLite(t)
	}
	_, scrape := watched(t, "sqlite:/nowhere/app.db", apart)
	text := scrape()
	for _, name := range moduleNames() {
		for _, metric := range []string{"userorder_commit_group_writes_count", "userorder_database_connections_max"} {
			require.NotZero(t, strings.Count(text, metric+`{modules="`+name+`"} `), "%s of %s is missing", metric, name)
		}
	}
}

var opsAddress = regexp.MustCompile(`msg=starting .* ops=(\S+)`)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return call(t, url, "GET ", "", "")
}

func TestTheOpsAddressIsServedApartAndStopsWithTheService(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var stdout output
	result := make(chan error, 1)
	go func() {
		result <- run(ctx, nil, environment(map[string]string{
			"DATABASE_URL": databasetest.SQLite(t), "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s",
			"OPS_ADDR": "127.0.0.1:0", "JWT_SECRET": strings.Repeat("s", 32),
		}), &stdout)
	}()
	base := stdout.baseURL(t)
	ops := "http://" + opsAddress.FindStringSubmatch(stdout.String())[1]
	for path, want := range map[string]string{
		"/metrics": "userorder_build_info{", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile:",
		"/debug/pprof/cmdline": "", "/debug/pprof/symbol": "num_symbols", "/debug/pprof/trace?seconds=0.01": "go 1.",
		"/debug/pprof/profile?seconds=1": "",
	} {
		status, body := get(t, ops+path)
		require.Equal(t, 200, status, path)
		require.Contains(t, body, want)
		require.Equal(t, 404, first(get(t, base+path)), "it is open to clients")
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		status, body := get(t, ops+probe)
		require.Equal(t, 200, status, probe)
		require.Contains(t, body, `"code":0`)
	}
	require.Equal(t, 404, first(get(t, ops+"/order/list")), "clients' routes are open here")

	go func() { _, _ = http.Get(ops + "/debug/pprof/profile?seconds=60") }() // must not hold up the end
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	stop()
	require.NoError(t, <-result)
	require.Less(t, time.Since(began), 10*time.Second)
	_, err := net.Dial("tcp", strings.TrimPrefix(ops, "http://"))
	require.Error(t, err)
}

func TestAnOpsAddressThatIsTakenEndsTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	err = run(t.Context(), nil, environment(map[string]string{
		"DATABASE_URL": databasetest.SQLite(t), "PORT": "0", "HOST": "127.0.0.1", "OPS_ADDR": taken.Addr().String(),
		"JWT_SECRET": strings.Repeat("s", 32),
	}), io.Discard)
	require.ErrorContains(t, err, "set OPS_ADDR to another port: listen tcp "+taken.Addr().String())
}
