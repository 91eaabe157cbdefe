package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/e2e/tutorial"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
	"userorder/worker"
)

// environment returns these variables as os.Environ returns them.
func environment(variables map[string]string) (environ []string) {
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// serviceOn returns the whole service on the database at url.
func serviceOn(t *testing.T, url string, settings ...string) *service {
	t.Helper()
	env := map[string]string{"DATABASE_URL": url, "JWT_SECRET": strings.Repeat("s", 32)}
	for i := 0; i < len(settings); i += 2 {
		env[settings[i]] = settings[i+1]
	}
	cfg, err := loadConfig(t.Context(), environment(env))
	require.NoError(t, err)
	api, err := newService(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	t.Cleanup(worker.Start(slog.New(slog.DiscardHandler), nil, api.accounts.jobs())) // else it is unready after 10 s
	return api
}

// handlerOn returns the routes of serviceOn.
func handlerOn(t *testing.T, url string, settings ...string) http.Handler {
	return serviceOn(t, url, settings...).engine
}

const (
	testUser  = tutorial.User
	otherUser = tutorial.OtherUser
)

func TestAClientOfTheTutorialWorksUnchanged(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		handler := handlerOn(t, url)
		tutorial.Follow(t, "", func(r *http.Request) (*http.Response, error) { return httpapitest.Serve(handler, r).Result(), nil })
	})
}

// member makes a user and returns a token of that user.
func member(t *testing.T, handler http.Handler, body string) string {
	t.Helper()
	require.Equal(t, 200, httpapitest.Call(handler, "POST /user/register", "", body).Code)
	var login struct{ Data struct{ Token string } }
	require.NoError(t, json.Unmarshal(httpapitest.Call(handler, "POST /user/login", "", body).Body.Bytes(), &login))
	require.NotEmpty(t, login.Data.Token)
	return login.Data.Token
}

func TestWhichOfSeveralFaultsIsAnswered(t *testing.T) {
	t.Parallel()
	handler := handlerOn(t, databasetest.SQLite(t))
	token := member(t, handler, testUser)
	large := `{"userid":"2","product":"` + strings.Repeat("x", 70<<10)
	for _, test := range []struct {
		name, request, token, mediaType, body string
		status                                int
	}{
		{"an unknown route before anything", "POST /order/nothing", "", "text/plain", large, 404},
		{"a wrong method before anything", "PUT /order/create", "", "text/plain", large, 405},
		{"a wrong method without an id", "POST /order/query", "", "text/plain", large, 405},
		{"no token before the media type", "POST /order/create", "", "text/plain", large, 401},
		{"no token before the id", "GET /order/query/x", "", "", "", 401},
		{"the media type before the size", "POST /order/create", token, "text/plain", large, 415},
		{"the size before the content", "POST /order/create", token, "application/json", large, 413},
		{"the content before the owner", "POST /order/create", token, "application/json", `{"userid":"2","product":"p"}`, 400},
		{"no token before the parameters", "GET /user/list?limit=0", "", "", "", 401},
		{"the parameters before the role", "GET /user/list?limit=0", token, "", "", 400},
		{"the content before the role, also where there may be none", "POST /order/webhooks/retry", token, "application/json", `[]`, 400},
		{"the role without a body", "POST /order/webhooks/retry", token, "text/plain", "", 403},
		{"the media type before the id", "POST /user/update/x", token, "text/plain", `{"role":"staff"}`, 415},
		{"the id before the role", "POST /user/update/x", token, "application/json", `{"role":"staff"}`, 400},
		{"the role last", "POST /user/update/1", token, "application/json", `{"role":"staff"}`, 403},
		{"the owner last", "POST /order/create", token, "application/json", `{"userid":"2","product":"p","price":1}`, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httpapitest.Request(test.request, test.token, test.body)
			r.Header.Set("Content-Type", test.mediaType)
			w := httpapitest.Serve(handler, r)
			require.Equal(t, test.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), fmt.Sprintf(`{"code":%d,`, test.status))
		})
	}
}

func TestAnIDThatIsNone(t *testing.T) {
	t.Parallel()
	handler := handlerOn(t, databasetest.SQLite(t))
	token := member(t, handler, testUser)
	for _, id := range []string{
		"", "/", "/0", "/-1", "/+1", "/01", "/1.0", "/1e0", "/x", "/0x1", "/9223372036854775808", "/99999999999999999999999",
		"/%20", "/1%20", "/%00", "/%0d%0a", "/%ff", "/..", "/%D9%A1", "/1'--",
	} {
		for _, route := range []string{"GET /order/query", "DELETE /order/cancel"} {
			w := httpapitest.Call(handler, route+id, token, "")
			require.Equal(t, 400, w.Code, route+id)
			require.JSONEq(t, `{"code":400,"msg":"订单编号须为正整数","data":{}}`, w.Body.String(), route+id)
		}
	}
}

func TestEveryRouteButThePublicOnesWantsAToken(t *testing.T) {
	t.Parallel()
	api := serviceOn(t, databasetest.SQLite(t))
	public := map[string]bool{
		"POST /user/register": true, "POST /user/login": true, "POST /user/refresh": true,
		"POST /user/password/forgot": true, "POST /user/password/reset": true,
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml", "/openapi.json", "/docs", "/docs/", "/docs/:version/:file",
		"/console", "/console/", "/console/:version/:file"} {
		public["GET "+path], public["HEAD "+path] = true, true
	}
	guarded := map[string]bool{} // by module
	for _, route := range api.engine.Routes() {
		line := route.Method + " " + parameter.ReplaceAllString(route.Path, "1")
		if public[route.Method+" "+route.Path] {
			continue
		}
		require.Equal(t, 401, httpapitest.Call(api.engine, line, "", "").Code, line)
		guarded[strings.Split(route.Path, "/")[1]] = true
	}
	for _, name := range moduleNames() {
		require.True(t, guarded[name], "no route of %s wants a token", name)
	}
}

func TestHeadWorksWhereverGetDoesAndOptionsAskForTheService(t *testing.T) {
	t.Parallel()
	handler := handlerOn(t, databasetest.SQLite(t))
	token := member(t, handler, testUser)
	require.Equal(t, 200, httpapitest.Call(handler, "POST /order/create", token, `{"product":"p","price":1}`).Code)
	for _, path := range []string{
		"/user/info", "/user/sessions", "/user/export", "/user/list", "/order/query/1", "/order/query/2", "/order/query", "/order/webhooks", "/healthz", "/readyz", "/docs", "/docs/",
		"/console", "/console/", "/openapi.json",
	} {
		get, head := httpapitest.Call(handler, "GET "+path, token, ""), httpapitest.Call(handler, "HEAD "+path, token, "")
		require.Equal(t, get.Code, head.Code, path)
		for _, name := range []string{"Content-Type", "Content-Language", "Cache-Control", "ETag"} {
			require.Equal(t, get.Header().Get(name), head.Header().Get(name), path)
		}
	}
	w := httpapitest.Call(handler, "OPTIONS *", "", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "GET, HEAD, POST, DELETE, OPTIONS", w.Header().Get("Allow"))
}

// parameter matches a parameter in the path of a route.
var parameter = regexp.MustCompile(`:(\w+)`)

func TestAModuleThatIsNotServedIsNotThere(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		users := handlerOn(t, url, "MODULES", "user")
		token := member(t, users, testUser)
		require.Equal(t, 404, httpapitest.Call(users, "GET /order/query/1", token, "").Code)
		require.Equal(t, 200, httpapitest.Call(users, "GET /user/info", token, "").Code)
	})
	databasetest.EachURL(t, func(t *testing.T, url string) {
		token := member(t, handlerOn(t, databasetest.SQLite(t)), testUser)
		orders := handlerOn(t, url, "MODULES", "order") // the same secret and nothing else
		require.Equal(t, 404, httpapitest.Call(orders, "POST /user/login", "", testUser).Code)
		w := httpapitest.Call(orders, "POST /order/create", token, `{"product":"p","price":1}`)
		require.Contains(t, w.Body.String(), `"code":0`)
	})
}

func TestTenReplicasStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(t.Context(), environment(map[string]string{
		"DATABASE_URL": databasetest.Postgres(t), "JWT_SECRET": strings.Repeat("s", 32),
	}))
	require.NoError(t, err)
	failures := make([]error, 10)
	var group sync.WaitGroup
	for i := range failures {
		group.Go(func() {
			api, err := newService(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				err = errors.Join(api.Ping(t.Context()), api.Close())
			}
			failures[i] = err
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(failures...))
}

func TestEachModuleCanHaveADatabaseOfItsOwn(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		apart := []string{"USER_DATABASE_URL", url}
		for _, name := range moduleNames() {
			if name != "user" {
				apart = append(apart, strings.ToUpper(name)+"_DATABASE_URL", databasetest.SQLite(t))
			}
		}
		handler := handlerOn(t, "sqlite:/nowhere/app.db", apart...)
		token := member(t, handler, testUser)
		w := httpapitest.Call(handler, "POST /order/create", token, `{"product":"p","price":1}`)
		require.Contains(t, w.Body.String(), `"code":0`)
		require.Equal(t, 200, httpapitest.Call(handler, "GET /readyz", "", "").Code)
	})
}

func TestADatabaseThatFailsIsA503ThatSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	require.Equal(t, httpapi.ErrOutcomeUnknown, translate(fmt.Errorf("insert: %w", database.ErrOutcomeUnknown)))
	require.Nil(t, translate(errors.New("a bug")))

	cfg, err := loadConfig(t.Context(), environment(map[string]string{
		"DATABASE_URL": databasetest.SQLite(t), "JWT_SECRET": strings.Repeat("s", 32),
	}))
	require.NoError(t, err)
	api, err := newService(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	token := member(t, api.engine, testUser)
	require.NoError(t, api.Close())
	for _, r := range []*http.Request{
		httpapitest.Request("POST /order/create", token, `{"product":"p","price":1}`), httpapitest.Request("GET /order/query/1", token, ""),
	} {
		w := httpapitest.Serve(api.engine, r)
		require.Equal(t, 503, w.Code)
		require.JSONEq(t, `{"code":503,"msg":"服务暂不可用，请稍后重试","data":{}}`, w.Body.String())
	}
}
