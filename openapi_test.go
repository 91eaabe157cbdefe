package main

import (
	"bytes"
	"encoding/json"
	"io"
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
)

// operations calls visit with each operation, whose line is like "GET /order/query/{orderid}".
func (c *contract) operations(visit func(line string, operation *openapi3.Operation)) {
	for _, path := range c.Paths.InMatchingOrder() {
		for method, operation := range c.Paths.Value(path).Operations() {
			visit(method+" "+path, operation)
		}
	}
}

// example is the request that the document gives as an example of an operation.
func (c *contract) example(t *testing.T, line string, operation *openapi3.Operation, token string) *http.Request {
	t.Helper()
	body := ""
	if operation.RequestBody != nil {
		text, err := json.Marshal(operation.RequestBody.Value.Content["application/json"].Example)
		require.NoError(t, err)
		body = string(text)
	}
	if isPublic(operation) {
		token = ""
	}
	line = strings.NewReplacer("{version}", "0", "{file}", "docs.js").Replace(line)
	return httpapitest.Request(regexp.MustCompile(`{\w+}`).ReplaceAllString(line, "1"), token, body)
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
	require.ElementsMatch(t, []string{"POST /user/register", "POST /user/login", "GET /healthz", "GET /readyz"}, public)
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
		require.Equal(t, telemetry.ReadBuild().Version, fromYAML.Info.Version)
	}
}

func TestWhatIsAnsweredIsWhatTheDocumentPromises(t *testing.T) {
	t.Parallel()
	api := whole(t)
	c := everything(t, api.engine)
	tutorial.Follow(t, "", func(r *http.Request) (*http.Response, error) {
		require.NoError(t, c.allows(r), "%s %s", r.Method, r.URL)
		return c.send(t, api.engine, r).Result(), nil
	})
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: 1e12})
	require.NoError(t, err)
	token, err := tokens.Issue(auth.Caller{UserID: 1})
	require.NoError(t, err)
	c.success(t, api, token)
	c.refusals(t, token)
	c.badRequests(t, api, token)
	c.nothingThere(t, api)
	c.outages(t, token)
	c.complete(t)
}

// success sends the example of each operation, and what the tutorial does not ask for.
func (c *contract) success(t *testing.T, api *service, token string) {
	c.operations(func(line string, operation *openapi3.Operation) {
		r := c.example(t, line, operation, token)
		require.NoError(t, c.allows(r), line)
		want := 200
		if operation.Responses.Status(200) == nil {
			want = 400 // a route without an id
		}
		require.Equal(t, want, c.send(t, api.engine, r).Code, line)
		r = c.example(t, line, operation, token)
		r.Header.Set("Accept-Language", "en-GB")
		r.Header.Set("X-Request-ID", "mine-1")
		require.NoError(t, c.allows(r), line)
		require.Equal(t, "mine-1", c.send(t, api.engine, r).Header().Get("X-Request-ID"), line)
	})
	c.send(t, whole(t).engine, httpapitest.Request("GET /user/info", token, "")) // nobody is registered there
	for _, file := range []string{"docs.css", "docs.js", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		r := httpapitest.Request("GET /docs/0/"+file, "", "")
		r.Header.Set("Range", "bytes=1000000000-")
		require.NoError(t, c.allows(r))
		require.Equal(t, 200, c.send(t, api.engine, r).Code, file)
	}
	c.operations(func(line string, operation *openapi3.Operation) {
		if operation.Responses.Status(304) != nil {
			r := c.example(t, line, operation, "")
			r.Header.Set("If-None-Match", c.send(t, api.engine, c.example(t, line, operation, "")).Header().Get("ETag"))
			require.Equal(t, 304, c.send(t, api.engine, r).Code, line)
		}
	})
	c.send(t, api.engine, httpapitest.Request("GET /docs/0/index.html", "", ""))
	c.send(t, api.engine, httpapitest.Request("HEAD /docs/0/index.html", "", ""))
}

// refusals are for who has no token, comes from a foreign page or too often.
func (c *contract) refusals(t *testing.T, token string) {
	limited := whole(t, "RATE_LIMIT", "on", "RATE_LIMIT_REQUESTS", "1/1h:1")
	httpapitest.Call(limited.engine, "GET /", "", "")
	foreign := whole(t, "CORS_ORIGINS", "https://shop.example.com")
	c.operations(func(line string, operation *openapi3.Operation) {
		if !isPublic(operation) {
			for _, bad := range []string{"", "bad"} {
				require.Equal(t, 401, c.send(t, foreign.engine, c.example(t, line, operation, bad)).Code, line)
			}
		}
		if strings.HasSuffix(line, "z") { // /healthz and /readyz know no limits and no origins
			return
		}
		require.Equal(t, 429, c.send(t, limited.engine, c.example(t, line, operation, token)).Code, line)
		r := c.example(t, line, operation, token)
		r.Header.Set("Origin", "https://evil.example.com")
		require.Equal(t, 403, c.send(t, foreign.engine, r).Code, line)
	})
	throttled := whole(t, "RATE_LIMIT", "on", "LOGIN_FAILURES", "1/15m")
	for _, want := range []int{200, 429} {
		r := httpapitest.Request("POST /user/login", "", `{"username":"test","password":"wrong-one"}`)
		require.Equal(t, want, c.send(t, throttled.engine, r).Code)
	}
}

type slowBody struct{}

func (slowBody) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// badRequests are bodies and ids that break a rule.
func (c *contract) badRequests(t *testing.T, api *service, token string) {
	nested := `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`
	c.operations(func(line string, operation *openapi3.Operation) {
		if strings.Contains(line, "{orderid}") {
			r := httpapitest.Request(strings.Replace(line, "{orderid}", "01", 1), token, "")
			require.Error(t, c.allows(r), line)
			require.Equal(t, 400, c.send(t, api.engine, r).Code, line)
		}
		if operation.RequestBody == nil {
			return
		}
		for _, body := range []string{``, `{`, `[]`, `{}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", nested, `{"a":"\ud800"}`, `{"a":"\u0000"}`} {
			r := httpapitest.Request(line, token, body)
			require.Error(t, c.allows(r), line+body)
			require.Equal(t, 400, c.send(t, api.engine, r).Code, line+body)
		}
		r := c.example(t, line, operation, token)
		r.Body = io.NopCloser(slowBody{})
		require.Equal(t, 408, c.send(t, api.engine, r).Code, line)
		r = httpapitest.Request(line, token, `{"a":"`+strings.Repeat("a", 64<<10)+`"}`)
		require.Equal(t, 413, c.send(t, api.engine, r).Code, line)
		r = c.example(t, line, operation, token)
		r.Header.Set("Content-Type", "text/plain")
		require.Error(t, c.allows(r), line)
		require.Equal(t, 415, c.send(t, api.engine, r).Code, line)
	})
}

// nothingThere asks for what no operation can promise, since there is none: a path and methods that do not exist.
func (c *contract) nothingThere(t *testing.T, api *service) {
	nowhere := &openapi3.Operation{Responses: openapi3.NewResponses(
		openapi3.WithStatus(404, c.Components.Responses["NotFound"]),
		openapi3.WithStatus(405, c.Components.Responses["MethodNotAllowed"]),
	)}
	for line, want := range map[string]int{
		"GET /": 404, "POST /": 404, "GET /nothing": 404, "GET /docs/a": 404, "GET /docs/a/b/c": 404,
		"PUT /order/create": 405, "POST /order/query": 405, "POST /docs": 405, "DELETE /openapi.json": 405, "POST /healthz": 405,
	} {
		r := httpapitest.Request(line, "", "")
		w := httpapitest.Serve(api.engine, r)
		require.Equal(t, want, w.Code, line)
		c.check(t, &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: c.T, Operation: nowhere}}, w)
	}
}

// outages are a database without its tables, which is a fault that nobody foresaw, and one that is closed.
func (c *contract) outages(t *testing.T, token string) {
	broken, closed := whole(t), whole(t)
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
		if operation.Responses.Status(503) == nil {
			return
		}
		require.Equal(t, 503, c.send(t, closed.engine, c.example(t, line, operation, token)).Code, line)
		if !strings.HasSuffix(line, "/readyz") {
			require.Equal(t, 500, c.send(t, broken.engine, c.example(t, line, operation, token)).Code, line)
		}
	})
}

// complete checks that every status of every operation was seen, and every example of an answer. What cannot be had
// here is tested elsewhere: a 500 of routes that need no database, a queue for hashing, a commit that breaks.
func (c *contract) complete(t *testing.T) {
	c.operations(func(line string, operation *openapi3.Operation) {
		for status, response := range operation.Responses.Map() {
			if status != "500" || operation.Responses.Status(503) != nil && !strings.HasSuffix(line, "/readyz") {
				require.True(t, c.seen[line+" "+status], "%s is never answered with %s", line, status)
			}
			content := response.Value.Content["application/json"]
			if content == nil {
				continue
			}
			for name, example := range content.Examples {
				msg := example.Value.Value.(map[string]any)["msg"].(string)
				require.True(t, c.told[msg] || name == "busy" || name == "unknown", "nobody is told %q", msg)
			}
		}
	})
}

func TestTheLimitsInTheDocumentAreThoseOfTheService(t *testing.T) {
	t.Parallel()
	api := whole(t)
	c := everything(t, api.engine)
	token := member(t, api.engine, testUser)
	user := func(name, password, email string) string {
		body, err := json.Marshal(map[string]string{"username": name, "password": password, "email": email})
		require.NoError(t, err)
		return string(body)
	}
	repeat := strings.Repeat
	for _, test := range []struct {
		line, body string
		valid      bool
	}{
		{"POST /user/register", user(repeat("名", 64), "123456", "a@b.com"), true},
		{"POST /user/register", user("x", repeat("密", 128), repeat("a", 64)+"@"+repeat("b", 61)+".com"), true},
		{"POST /user/register", user("", "123456", "a@b.com"), false},
		{"POST /user/register", user(repeat("名", 65), "123456", "a@b.com"), false},
		{"POST /user/register", user("a b", "123456", "a@b.com"), false},
		{"POST /user/register", user("y", "12345", "a@b.com"), false},
		{"POST /user/register", user("y", repeat("密", 129), "a@b.com"), false},
		{"POST /user/register", user("y", "123456", "a@"+repeat("b", 250)+".com"), false},
		{"POST /user/register", `{"username":"y","password":"123456"}`, false},
		{"POST /user/register", `{"username":"y","password":123456,"email":"a@b.com"}`, false},
		{"POST /user/login", `{"username":"nobody","password":"x","more":true}`, true},
		{"POST /user/login", `{"username":"nobody","password":""}`, false},
		{"POST /user/login", `{"username":null,"password":"x"}`, false},
		{"POST /user/login", `{"username":"","password":"x"}`, false},
		{"POST /order/create", `{"product":"` + repeat("品", 200) + `","price":0}`, true},
		{"POST /order/create", `{"product":" \n` + repeat(" ", 300) + `a b\t ","price":9999999999.99}`, true},
		{"POST /order/create", `{"userid":1,"product":"p","price":19.99}`, true},
		{"POST /order/create", `{"userid":"1","product":"p","price":1e2}`, true},
		{"POST /order/create", `{"product":"` + repeat("品", 201) + `","price":0}`, false},
		{"POST /order/create", `{"product":" ","price":0}`, false},
		{"POST /order/create", `{"product":"","price":0}`, false},
		{"POST /order/create", `{"product":"a\u0007b","price":0}`, false},
		{"POST /order/create", `{"product":"a\u0085b","price":0}`, false},
		{"POST /order/create", `{"product":"p","price":-0.01}`, false},
		{"POST /order/create", `{"product":"p","price":10000000000}`, false},
		{"POST /order/create", `{"product":"p","price":"100"}`, false},
		{"POST /order/create", `{"product":"p","price":null}`, false},
		{"POST /order/create", `{"product":"p"}`, false},
		{"POST /order/create", `{"userid":null,"product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":"01","product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":0,"product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":1.5,"product":"p","price":1}`, false},
	} {
		r := httpapitest.Request(test.line, token, test.body)
		err := c.allows(r)
		require.Equal(t, test.valid, err == nil, "%s %s: the document says %v", test.line, test.body, err)
		w := c.send(t, api.engine, r)
		require.Equal(t, test.valid, w.Code == 200, "%s %s: %s", test.line, test.body, w.Body)
	}
}
