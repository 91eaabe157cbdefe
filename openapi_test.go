package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
	"userorder/e2e/tutorial"
	"userorder/httpapi/httpapitest"
	"userorder/telemetry"
	"userorder/user"
)

// operations calls visit with each operation, whose line is like "GET /order/query/{orderid}".
func (c *contract) operations(visit func(line string, operation *openapi3.Operation)) {
	for _, path := range c.Paths.InMatchingOrder() {
		for method, operation := range c.Paths.Value(path).Operations() {
			visit(method+" "+path, operation)
		}
	}
}

// visitor is what somebody has from a login. Refresh may be empty.
type visitor struct{ token, refresh string }

// example returns the request that the document gives as an example of an operation, as a visitor sends it.
func (c *contract) example(t *testing.T, line string, operation *openapi3.Operation, by visitor) *http.Request {
	t.Helper()
	body := ""
	if operation.RequestBody != nil {
		example := maps.Clone(operation.RequestBody.Value.Content["application/json"].Example.(map[string]any))
		if _, ok := example["refresh_token"]; ok && by.refresh != "" { // none that is written down is good
			example["refresh_token"] = by.refresh
		}
		text, err := json.Marshal(example)
		require.NoError(t, err)
		body = string(text)
	}
	token := by.token
	if isPublic(operation) {
		token = ""
	}
	return httpapitest.Request(c.at(t, line), token, body)
}

var inBraces = regexp.MustCompile(`{(\w+)}`)

// at returns the line of an operation with the examples of the parameters in its path.
func (c *contract) at(t *testing.T, line string) string {
	t.Helper()
	_, path, _ := strings.Cut(line, " ")
	return inBraces.ReplaceAllStringFunc(line, func(name string) string {
		parameter := c.Paths.Value(path).Parameters.GetByInAndName("path", strings.Trim(name, "{}"))
		require.NotNil(t, parameter, line)
		return fmt.Sprint(parameter.Example)
	})
}

func (c *contract) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, parameters, err := c.router.FindRoute(r)
	return &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: parameters,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}, err
}

// allows returns what the document has against a request.
func (c *contract) allows(r *http.Request) error {
	input, err := c.input(r)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(r.Context(), input)
}

// send sends a request and checks the answer against the document.
func (c *contract) send(t *testing.T, handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	input, err := c.input(r)
	require.NoError(t, err, r.URL)
	w := httpapitest.Serve(handler, r)
	c.check(t, input, w)
	c.seen[r.Method+" "+input.Route.Path+" "+strconv.Itoa(w.Code)] = true
	return w
}

func (c *contract) check(t *testing.T, input *openapi3filter.RequestValidationInput, w *httptest.ResponseRecorder) {
	t.Helper()
	name := input.Request.Method + " " + input.Request.URL.Path
	body := w.Body.Bytes()
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if input.Request.Method == http.MethodHead { // which kin-openapi passes over
		get := *input
		get.Request = httptest.NewRequest(http.MethodGet, input.Request.URL.Path, nil)
		response.RequestValidationInput, response.Options.ExcludeResponseBody = &get, true
	}
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), response), "%s: %d %s", name, w.Code, body)
	if documented := input.Route.Operation.Responses.Status(w.Code).Value; documented.Headers["Cache-Control"] == nil {
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
	}
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), name)
	var envelope struct{ Msg string }
	if w.Header().Get("Content-Language") == "zh" && json.Unmarshal(body, &envelope) == nil {
		content := input.Route.Operation.Responses.Status(w.Code).Value.Content["application/json"]
		require.Condition(t, func() bool { return content == nil || hasExample(content, envelope.Msg) }, "%s: no example says %q", name, envelope.Msg)
		c.told[envelope.Msg] = true
		c.told[input.Request.Method+" "+input.Route.Path+" "+envelope.Msg] = true
	}
}

func hasExample(content *openapi3.MediaType, msg string) bool {
	for _, example := range content.Examples {
		if example.Value.Value.(map[string]any)["msg"] == msg {
			return true
		}
	}
	return false
}

// whole returns serviceOn on a fresh file, without limits unless the settings say otherwise.
func whole(t *testing.T, settings ...string) *service {
	t.Helper()
	return serviceOn(t, databasetest.SQLite(t), append([]string{"RATE_LIMIT", "off"}, settings...)...)
}

func TestTheDocumentListsTheRoutesAndNoOther(t *testing.T) {
	t.Parallel()
	engine := whole(t).engine
	var promised, served []string
	everything(t, engine).operations(func(line string, _ *openapi3.Operation) { promised = append(promised, line) })
	for _, route := range engine.Routes() {
		path := parameter.ReplaceAllString(route.Path, "{$1}")
		served = append(served, route.Method+" "+path)
	}
	require.ElementsMatch(t, served, promised, "openapi/openapi.yaml and testdata/unlisted.yaml have other routes than the service")
}

func TestWhatTheDocumentDoesNotListIsSaidInWordsAndForAReason(t *testing.T) {
	t.Parallel()
	document := newContract(t, readDocument(t))
	document.operations(func(line string, _ *openapi3.Operation) { require.NotContains(t, line, "HEAD") })
	require.Contains(t, document.Info.Description, "`HEAD`")
	unlisted := paths(readYAML(t, "testdata/unlisted.yaml"))
	require.NotEmpty(t, unlisted)
	for path, item := range unlisted {
		require.NotEmpty(t, item["x-unlisted"], path)
		require.Nil(t, document.Paths.Value(path), "%s is listed", path)
		said, _, _ := strings.Cut(strings.TrimSuffix(path, "/"), "{")
		require.Contains(t, document.Info.Description, "`"+said+"`")
	}
}

func TestThePublicOperationsSayThatTheyNeedNoToken(t *testing.T) {
	t.Parallel()
	var public []string
	newContract(t, readDocument(t)).operations(func(line string, operation *openapi3.Operation) {
		require.NotNil(t, operation.Security, line)
		if isPublic(operation) {
			public = append(public, line)
		}
	})
	require.ElementsMatch(t, []string{
		"POST /user/register", "POST /user/login", "POST /user/refresh", "POST /user/password/forgot", "POST /user/password/reset",
		"GET /healthz", "GET /readyz",
	}, public)
}

func TestTheDocumentListsWhatThisProcessServes(t *testing.T) {
	t.Parallel()
	for _, served := range append(moduleNames(), strings.Join(moduleNames(), ",")) {
		engine := whole(t, "MODULES", served).engine
		text := httpapitest.Call(engine, "GET /openapi.yaml", "", "")
		require.Equal(t, "application/yaml", text.Header().Get("Content-Type"))
		fromYAML := newContract(t, text.Body.Bytes())
		fromJSON := newContract(t, httpapitest.Call(engine, "GET /openapi.json", "", "").Body.Bytes())
		require.Equal(t, fromYAML.T, fromJSON.T)
		for _, name := range moduleNames() {
			found := false
			for path := range fromYAML.Paths.Map() {
				found = found || strings.HasPrefix(path, "/"+name+"/")
			}
			require.Equal(t, slices.Contains(strings.Split(served, ","), name), found, "paths of %s in openapi/openapi.yaml, as served with MODULES=%s", name, served)
		}
		require.NotNil(t, fromYAML.Paths.Value("/healthz"))
		require.Equal(t, fromYAML.Paths.Value("/order/webhooks") != nil, len(fromYAML.Webhooks) > 0, "webhooks, with MODULES=%s", served)
		require.Equal(t, telemetry.ReadBuild().Version, fromYAML.Info.Version)
	}
}

func TestAProxyGetsTheDocumentOfAllModulesFromAnyProcess(t *testing.T) {
	t.Parallel()
	all := whole(t).engine
	for _, served := range append(moduleNames(), strings.Join(moduleNames(), ",")) {
		engine := whole(t, "MODULES", served).engine
		for _, path := range []string{"/openapi.yaml", "/openapi.json"} {
			got := httpapitest.Call(engine, "GET "+path+"?modules=all", "", "")
			require.Equal(t, 200, got.Code)
			require.Equal(t, httpapitest.Call(all, "GET "+path, "", "").Body.String(), got.Body.String(), "%s with MODULES=%s", path, served)
			require.Equal(t, got.Header().Get("ETag"), httpapitest.Call(all, "HEAD "+path, "", "").Header().Get("ETag"))
			for _, wrong := range []string{"", "user", "order", "ALL", "all,user", "all&modules=all"} {
				require.Equal(t, 400, httpapitest.Call(engine, "GET "+path+"?modules="+wrong, "", "").Code, wrong)
			}
			own := httpapitest.Call(engine, "GET "+path, "", "").Body.String()
			require.Equal(t, own, httpapitest.Call(engine, "GET "+path+"?unknown=1", "", "").Body.String())
			require.Equal(t, strings.Contains(served, ","), own == got.Body.String(), "it lists routes that this process does not serve, with MODULES=%s", served)
		}
	}
}

func TestWhatIsAnsweredIsWhatTheDocumentPromises(t *testing.T) {
	t.Parallel()
	api := whole(t, withMail...)
	c := everything(t, api.engine)
	tutorial.Follow(t, "", func(r *http.Request) (*http.Response, error) {
		require.NoError(t, c.allows(r), "%s %s", r.Method, r.URL)
		return c.send(t, api.engine, r).Result(), nil
	})
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: 1e12})
	require.NoError(t, err)
	token, err := tokens.Issue(auth.Caller{UserID: 1, Role: auth.Staff})
	require.NoError(t, err)
	require.NoError(t, user.Grant(t.Context(), api.databases["user"], "test", auth.Staff))
	c.success(t, api, token)
	c.accounts(t)
	c.orders(t)
	c.refusals(t, token)
	c.badRequests(t, api, token)
	c.nothingThere(t, api)
	c.outages(t, token)
	c.complete(t)
}

// success sends the example of each operation, and what the tutorial does not ask for.
func (c *contract) success(t *testing.T, api *service, token string) {
	staff := visitor{token, refreshToken(t, api)}
	c.operations(func(line string, operation *openapi3.Operation) {
		r := c.example(t, line, operation, staff)
		require.NoError(t, c.allows(r), line)
		want := 200
		if operation.Responses.Status(200) == nil {
			want = 400 // a route without an id
		}
		require.Equal(t, want, c.send(t, api.engine, r).Code, line)
		r = c.example(t, line, operation, staff)
		r.Header.Set("Accept-Language", "en-GB")
		r.Header.Set("X-Request-ID", "mine-1")
		require.NoError(t, c.allows(r), line)
		require.Equal(t, "mine-1", c.send(t, api.engine, r).Header().Get("X-Request-ID"), line)
	})
	c.send(t, whole(t).engine, httpapitest.Request("GET /user/info", token, "")) // nobody is registered there
	for _, file := range []string{
		"docs/0/docs.css", "docs/0/docs.js", "docs/0/swagger-ui.css", "docs/0/swagger-ui-bundle.js", "docs/0/favicon-32x32.png",
		"console/0/console.css", "console/0/app.js", "console/0/preact.mjs", "console/0/icon.svg",
	} {
		r := httpapitest.Request("GET /"+file, "", "")
		r.Header.Set("Range", "bytes=1000000000-")
		require.NoError(t, c.allows(r))
		require.Equal(t, 200, c.send(t, api.engine, r).Code, file)
	}
	c.operations(func(line string, operation *openapi3.Operation) {
		if operation.Responses.Status(304) != nil {
			r := c.example(t, line, operation, visitor{})
			r.Header.Set("If-None-Match", c.send(t, api.engine, c.example(t, line, operation, visitor{})).Header().Get("ETag"))
			require.Equal(t, 304, c.send(t, api.engine, r).Code, line)
		}
	})
	c.send(t, api.engine, httpapitest.Request("GET /docs/0/index.html", "", ""))
	c.send(t, api.engine, httpapitest.Request("HEAD /docs/0/index.html", "", ""))
	c.send(t, api.engine, httpapitest.Request("GET /console/0/index.html", "", ""))
	c.send(t, api.engine, httpapitest.Request("HEAD /console/0/index.html", "", ""))
}

// refusals are for who has no token, comes from a foreign page or too often.
func (c *contract) refusals(t *testing.T, token string) {
	limited := whole(t, "RATE_LIMIT", "on", "RATE_LIMIT_REQUESTS", "1/1h:1")
	httpapitest.Call(limited.engine, "GET /", "", "")
	foreign := whole(t, "CORS_ORIGINS", "https://shop.example.com")
	c.operations(func(line string, operation *openapi3.Operation) {
		if !isPublic(operation) {
			for _, bad := range []string{"", "bad"} {
				require.Equal(t, 401, c.send(t, foreign.engine, c.example(t, line, operation, visitor{token: bad})).Code, line)
			}
		}
		if strings.HasSuffix(line, "z") { // /healthz and /readyz know no limits and no origins
			return
		}
		require.Equal(t, 429, c.send(t, limited.engine, c.example(t, line, operation, visitor{token: token})).Code, line)
		r := c.example(t, line, operation, visitor{token: token})
		r.Header.Set("Origin", "https://evil.example.com")
		require.Equal(t, 403, c.send(t, foreign.engine, r).Code, line)
	})
	c.guesses(t)
}

type slowBody struct{}

func (slowBody) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// badRequests are bodies, ids and parameters that break a rule.
func (c *contract) badRequests(t *testing.T, api *service, token string) {
	nested := `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`
	staff := visitor{token: token}
	c.operations(func(line string, operation *openapi3.Operation) {
		if strings.HasSuffix(line, "id}") {
			r := c.example(t, inBraces.ReplaceAllString(line, "01"), operation, staff)
			require.Error(t, c.allows(r), line)
			require.Equal(t, 400, c.send(t, api.engine, r).Code, line)
		}
		for _, parameter := range operation.Parameters {
			query := "?" + parameter.Value.Name + "="
			r := httpapitest.Request(line+query+"%20", token, "")
			require.Error(t, c.allows(r), r.URL)
			for _, target := range []string{line + query + "%20", line + query, line + query + "1&" + query[1:] + "2", line + "?%zz"} {
				require.Equal(t, 400, c.send(t, api.engine, httpapitest.Request(target, token, "")).Code, target)
			}
		}
		if operation.RequestBody == nil {
			return
		}
		for _, body := range []string{``, `{`, `[]`, `{}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", nested, `{"a":"\ud800"}`, `{"a":"\u0000"}`} {
			c.badBody(t, api, operation, httpapitest.Request(c.at(t, line), token, body), body)
		}
		r := c.example(t, line, operation, staff)
		r.Body = io.NopCloser(slowBody{})
		require.Equal(t, 408, c.send(t, api.engine, r).Code, line)
		r = httpapitest.Request(c.at(t, line), token, `{"a":"`+strings.Repeat("a", 64<<10)+`"}`)
		require.Equal(t, 413, c.send(t, api.engine, r).Code, line)
		r = c.example(t, line, operation, staff)
		r.Header.Set("Content-Type", "text/plain")
		require.Error(t, c.allows(r), line)
		require.Equal(t, 415, c.send(t, api.engine, r).Code, line)
	})
}

// badBody sends a body that is wrong, unless it is empty or an empty object where nothing is required. A schema can say so
// only where something is.
func (c *contract) badBody(t *testing.T, api *service, operation *openapi3.Operation, r *http.Request, body string) {
	t.Helper()
	schema := operation.RequestBody.Value.Content["application/json"].Schema.Value
	want, err := 400, c.allows(r)
	switch {
	case len(schema.Required) > 0:
		require.Error(t, err, "%s %s", r.URL, body)
	case body == "{}" && schema.MinProps == 0, body == "" && !operation.RequestBody.Value.Required:
		want = 200
	}
	require.Equal(t, want, c.send(t, api.engine, r).Code, "%s %s", r.URL, body)
}

// nothingThere asks for what no operation can promise, since there is none: a path and methods that do not exist.
func (c *contract) nothingThere(t *testing.T, api *service) {
	nowhere := &openapi3.Operation{Responses: openapi3.NewResponses(
		openapi3.WithStatus(404, c.Components.Responses["NotFound"]),
		openapi3.WithStatus(405, c.Components.Responses["MethodNotAllowed"]),
	)}
	for line, want := range map[string]int{
		"GET /": 404, "POST /": 404, "GET /nothing": 404, "GET /docs/a": 404, "GET /docs/a/b/c": 404, "GET /console/a": 404,
		"PUT /order/create": 405, "POST /order/query": 405, "POST /docs": 405, "POST /console": 405, "DELETE /openapi.json": 405, "POST /healthz": 405,
		"POST /order/webhooks": 405, "GET /order/webhooks/retry": 405,
	} {
		r := httpapitest.Request(line, "", "")
		w := httpapitest.Serve(api.engine, r)
		require.Equal(t, want, w.Code, line)
		c.check(t, &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: c.T, Operation: nowhere}}, w)
	}
}

// outages are a database without its tables, which is a fault that nobody foresaw, and one that is closed.
func (c *contract) outages(t *testing.T, token string) {
	// With a webhook, since the list of none needs no database. Nothing is sent: no job runs here.
	webhook := []string{"WEBHOOK_URLS", "https://shop.example/hook", "WEBHOOK_SECRET", "whsec_" + strings.Repeat("c", 32)}
	broken, closed := whole(t, webhook...), whole(t, webhook...)
	ofBroken, ofClosed := visitor{token, refreshToken(t, broken)}, visitor{token, refreshToken(t, closed)}
	for _, m := range modules() {
		require.NoError(t, broken.databases[m.name].Write(t.Context(), func(tx *database.Tx) error {
			for _, table := range m.tables {
				if _, err := tx.Exec("DROP TABLE " + table.Name); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, closed.Close())
	c.operations(func(line string, operation *openapi3.Operation) {
		if operation.Responses.Status(503) == nil || line == forgotten {
			return
		}
		require.Equal(t, 503, c.send(t, closed.engine, c.example(t, line, operation, ofClosed)).Code, line)
		if !strings.HasSuffix(line, "/readyz") {
			require.Equal(t, 500, c.send(t, broken.engine, c.example(t, line, operation, ofBroken)).Code, line)
		}
	})
}

// complete checks that every status of every operation was seen, and every example of an answer: each text of a 200 from
// that operation, the others from any. What cannot be had here is tested elsewhere: a 500 of routes that need no database,
// a commit that breaks.
func (c *contract) complete(t *testing.T) {
	c.operations(func(line string, operation *openapi3.Operation) {
		for status, response := range operation.Responses.Map() {
			if status != "500" || operation.Responses.Status(503) != nil && !strings.HasSuffix(line, "/readyz") && line != forgotten {
				require.True(t, c.seen[line+" "+status], "%s is never answered with %s", line, status)
			}
			content := response.Value.Content["application/json"]
			if content == nil {
				continue
			}
			for name, example := range content.Examples {
				msg := example.Value.Value.(map[string]any)["msg"].(string)
				told := msg
				if status == "200" && !strings.HasPrefix(line, "HEAD ") {
					told = line + " " + msg
				}
				require.True(t, c.told[told] || strings.HasPrefix(name, "unknown"), "nobody is told %q by %s", msg, line)
			}
		}
	})
}
