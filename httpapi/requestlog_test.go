package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestTheLogHasOneLineARequest(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	engine.GET("/noted", httpapi.Handle(func(c *gin.Context) error {
		httpapi.Annotate(c, slog.Int("user", 7))
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	for _, test := range []struct{ name, id, want string }{
		{"takes the request id of a client", "a-b_c.1", "a-b_c.1"},
		{"makes one where there is none", "", ""},
		{"makes one where it is too long", strings.Repeat("a", 65), ""},
		{"makes one where it would forge a line", "a\nlevel=ERROR", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			log.Reset()
			r := httpapitest.Request("GET /noted", "", "")
			r.Header.Set("X-Request-ID", test.id)
			got := serve(t, engine, r)
			var line map[string]any
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.String())
			id := got.Header().Get("X-Request-ID")
			require.Equal(t, id, line["request"])
			if test.want != "" {
				require.Equal(t, test.want, id)
			} else {
				require.NotEqual(t, test.id, id)
				require.Regexp(t, `^[A-Z2-7]{26}$`, id)
			}
			require.Equal(t, "/noted", line["path"])
			require.Equal(t, "/noted", line["route"])
			require.Equal(t, "192.0.2.1", line["client"])
			require.EqualValues(t, 200, line["status"])
			require.EqualValues(t, 7, line["user"])
		})
	}
}

func TestNothingThatAClientSendsForgesALineOfTheLog(t *testing.T) {
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(handler(&log))})
			r := httpapitest.Request("GET /a%0Alevel=ERROR%1B[31m%C2%9B%7F", "", "")
			r.Header.Set("X-Request-ID", "b\x1b[31m")
			serve(t, engine, r)
			require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			require.False(t, strings.ContainsFunc(strings.TrimSpace(log.String()), unicode.IsControl), log.String())
		})
	}
}

func TestTheLimitThatWasExceededIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	engine.GET("/few", httpapi.Limited("few", httpapi.Limit{Count: 1, Per: time.Hour, Burst: 1}),
		httpapi.Handle(func(*gin.Context) error { return errors.New("a bug") }))
	for range 2 {
		serve(t, engine, httpapitest.Request("GET /few", "", ""))
	}
	require.Equal(t, 1, strings.Count(log.String(), "limit="), log.String())
	require.Regexp(t, `status=429 .* limit=few error="too many requests, try again later"`, log.String())
}

func TestTheLogTellsTheCodeOfAFailureAndTheNamesOfInvalidFieldsAlone(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	engine.POST("/things", httpapi.Handle(func(c *gin.Context) error {
		if err := httpapi.Bind(c, new(thing)); err != nil {
			return err
		}
		return httpapi.NewBusinessError(httpapi.Text{ZH: "没有", EN: "none"})
	}))
	for body, want := range map[string]string{
		`{"name":"n","word":"w"}`:                               ` code=1 error=none`,
		`{"WORD":"hunter2","hunter2":"n","count":"hunter2"}`:    ` code=400 fields=name,word,count error="invalid fields"`,
		`{"name":["hunter2"],"word":"hunter2 hunter2","x":"y"}`: ` code=400 fields=name,word error="invalid fields"`,
		`hunter2`: ` code=400 error="the body is not valid JSON"`,
	} {
		log.Reset()
		httpapitest.Call(engine, "POST /things", "", body)
		require.Contains(t, log.String(), want+"\n", body)
		require.NotContains(t, log.String(), "hunter2")
	}
	log.Reset()
	httpapitest.Call(engine, "GET /nothing", "", "")
	require.Contains(t, log.String(), ` status=404 `)
	require.Contains(t, log.String(), ` code=404 error="no such route"`)
}

func TestAPathIsNotLoggedInFullWhereItMayHoldAToken(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"
	for path, want := range map[string]string{
		"DELETE /things/hunter2-secret":   "/things/hunt…",
		"DELETE /things/17":               "/things/17",
		"OPTIONS /things/hunter2-secret":  "/things/hunt…",
		"/things/hunter2/":                "/things/hunt…/",
		"/things/list/hunter2/things":     "/things/list/hunt…/things",
		"/api/things/hunter2":             "/api/things/hunt…",
		"//things/hunter2":                "//things/hunt…",
		"/things%2Fhunter2":               "/thin…",
		"/wp-login.php":                   "/wp-login.php",
		"/.git/config":                    "/.git/conf…",
		"/thing/9223372036854775807":      "/thing/9223372036854775807",
		"/things/17":                      "/things/17",
		"/things/9223372036854775807":     "/things/9223372036854775807",
		"/things/hunter2":                 "/things/hunt…",
		"/things/hunter2!":                "/things/hunt…",
		"/things/p@ss,word":               "/things/p@ss…",
		"/things/h%75nter2":               "/things/h%75…",
		"/things/17+1":                    "/things/17+1",
		"/things/17+18":                   "/things/17+1…",
		"/things/%31%37":                  "/things/%31%37",
		"/things/x":                       "/things/x",
		"/things/" + token:                "/things/eyJh…",
		"/nothing/" + token:               "/nothing/eyJh…",
		"/" + token + "/1":                "/eyJh…/1",
		"/things/17%20or%201=1":           "/things/17%2…",
		"/pages/a-name-of-a-file.html":    "/pages/a-name-of-a-file.html",
		"/nothing/that/is/long/but/short": "/nothing/that/is/long/but/shor…",
	} {
		var log bytes.Buffer
		engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		engine.GET("/things/:thingid", httpapi.Handle(func(c *gin.Context) error { return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{}) }))
		engine.GET("/pages/:file", httpapi.Handle(func(c *gin.Context) error { return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{}) }))
		if strings.HasPrefix(path, "/") {
			path = "GET " + path
		}
		httpapitest.Call(engine, path, "", "")
		require.Contains(t, log.String(), " path="+want+" ", path)
		require.NotContains(t, log.String(), token[8:])
	}
}

func TestAProbeHasNoLineUnlessItFails(t *testing.T) {
	for _, test := range []struct {
		level slog.Level
		ready error
		lines int
	}{
		{slog.LevelInfo, nil, 0},
		{slog.LevelDebug, nil, 2},
		{slog.LevelInfo, errors.New("no database"), 1},
	} {
		var log bytes.Buffer
		engine := newEngine(t, httpapi.Config{
			Log:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: test.level})),
			Ready: func(context.Context) error { return test.ready },
		})
		httpapitest.Call(engine, "GET /healthz", "", "")
		httpapitest.Call(engine, "GET /readyz", "", "")
		require.Equal(t, test.lines, strings.Count(log.String(), "msg=request"), log.String())
	}
}
