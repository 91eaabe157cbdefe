package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

var silent = slog.New(slog.DiscardHandler)

func newEngine(t testing.TB, cfg httpapi.Config) *gin.Engine {
	if cfg.Log == nil {
		cfg.Log = silent
	}
	if cfg.Ready == nil {
		cfg.Ready = func(context.Context) error { return nil }
	}
	engine, err := httpapi.NewEngine(cfg)
	require.NoError(t, err)
	return engine
}

// answer is a response whose body is known to be an envelope and nothing else.
type answer struct {
	*httptest.ResponseRecorder
	Code int             `json:"code"`
	Msg  string          `json:"msg"`
	Data json.RawMessage `json:"data"`
}

func serve(t testing.TB, handler http.Handler, r *http.Request) answer {
	t.Helper()
	got := answer{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(got, r)
	require.Equal(t, "application/json; charset=utf-8", got.Header().Get("Content-Type"))
	decoder := json.NewDecoder(bytes.NewReader(got.Body.Bytes()))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&got))
	require.NotEmpty(t, got.Msg)
	require.True(t, bytes.HasPrefix(got.Data, []byte("{")), "data is no object: %s", got.Data)
	return got
}

func TestTheEngineAnswersInTheEnvelopeWhateverItIsAsked(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	engine.POST("/things", httpapi.Handle(func(c *gin.Context) error {
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, gin.H{"n": 1})
	}))
	for _, test := range []struct {
		name, method, path string
		status, code       int
		allow, data        string
	}{
		{"a route", "POST", "/things", 200, 0, "", `{"n":1}`},
		{"no such route", "GET", "/nothing", 404, 404, "", `{}`},
		{"a route with a slash behind it", "POST", "/things/", 404, 404, "", `{}`},
		{"another method", "GET", "/things", 405, 405, "POST", `{}`},
		{"a method that nobody knows", "BREW", "/things", 405, 405, "POST", `{}`},
		{"a preflight", "OPTIONS", "/things", 405, 405, "POST", `{}`},
		{"another method on the health route", "POST", "/healthz", 405, 405, "GET, HEAD", `{}`},
		{"the asterisk form", "OPTIONS", "*", 404, 404, "", `{}`},
		{"health", "GET", "/healthz", 200, 0, "", `{}`},
		{"health by HEAD", "HEAD", "/healthz", 200, 0, "", `{}`},
		{"readiness", "GET", "/readyz", 200, 0, "", `{}`},
		{"readiness by HEAD", "HEAD", "/readyz", 200, 0, "", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := serve(t, engine, httptest.NewRequest(test.method, test.path, nil))
			require.Equal(t, test.status, got.ResponseRecorder.Code)
			require.Equal(t, test.code, got.Code)
			require.Equal(t, test.allow, got.Header().Get("Allow"))
			require.Equal(t, test.data, string(got.Data))
			require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
			require.Equal(t, "nosniff", got.Header().Get("X-Content-Type-Options"))
		})
	}
}

func TestReadinessFollowsTheCheckAndHealthDoesNot(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
		Ready: func(context.Context) error { return errors.New("no disk in /dev/sdb") },
	})
	got := serve(t, engine, httptest.NewRequest("GET", "/readyz", nil))
	require.Equal(t, 503, got.ResponseRecorder.Code)
	require.Equal(t, 503, got.Code)
	require.NotContains(t, got.Body.String(), "disk")
	require.Contains(t, log.String(), "no disk in /dev/sdb")
	require.Equal(t, 200, serve(t, engine, httptest.NewRequest("GET", "/healthz", nil)).ResponseRecorder.Code)
}

func TestAFailureBecomesAnAnswerThatTellsNoSecrets(t *testing.T) {
	secret := errors.New("pq: password of admin is hunter2")
	outage := errors.New("outage")
	translate := func(err error) *httpapi.Error {
		if errors.Is(err, outage) {
			return httpapi.ErrUnavailable
		}
		return nil
	}
	busy := &httpapi.Error{Status: 503, Code: 503, Msg: httpapi.Text{ZH: "忙", EN: "busy"}, RetryAfter: 1500 * time.Millisecond}
	for _, test := range []struct {
		name         string
		fail         func(*gin.Context) error
		status, code int
		msg, logged  string
		retryAfter   string
	}{
		{"an error for clients", func(*gin.Context) error { return httpapi.ErrBodyTooLarge },
			413, 413, "请求体不能超过 64 KiB", "the body must not exceed 64 KiB", ""},
		{"a failure in the business",
			func(*gin.Context) error { return httpapi.NewBusinessError(httpapi.Text{ZH: "没有", EN: "none"}) },
			200, 1, "没有", "none", ""},
		{"an error that asks to wait", func(*gin.Context) error { return busy }, 503, 503, "忙", "busy", "2"},
		{"any other error", func(*gin.Context) error { return secret }, 500, 500, "服务器内部错误", "hunter2", ""},
		{"an error that main can translate", func(*gin.Context) error { return errors.Join(secret, outage) },
			503, 503, "服务暂不可用，请稍后重试", "hunter2", "2"},
		{"a panic", func(*gin.Context) error { panic(secret) }, 500, 500, "服务器内部错误", "panic: pq:", ""},
		{"a panic with no error", func(*gin.Context) error { panic("hunter2") }, 500, 500, "服务器内部错误", "panic: hunter2", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Translate: translate})
			engine.GET("/fail", httpapi.Handle(test.fail))
			got := serve(t, engine, httptest.NewRequest("GET", "/fail", nil))
			require.Equal(t, test.status, got.ResponseRecorder.Code)
			require.Equal(t, test.code, got.Code)
			require.Equal(t, test.msg, got.Msg)
			require.Equal(t, test.retryAfter, got.Header().Get("Retry-After"))
			require.NotContains(t, got.Body.String(), "hunter2")
			require.Contains(t, log.String(), test.logged)
		})
	}
}

func TestAPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	engine.GET("/half", func(c *gin.Context) {
		c.String(200, "half of ")
		panic("bug")
	})
	server := httptest.NewUnstartedServer(engine)
	server.Config.ErrorLog = slog.NewLogLogger(silent.Handler(), slog.LevelInfo)
	server.Start()
	_, err := http.Get(server.URL + "/half")
	require.ErrorIs(t, err, io.EOF)
	server.Close() // waits for the handler, and so for its line
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "panic: bug")
}

func TestLanguage(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	for accept, want := range map[string]string{
		"": "zh", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "zh-TW": "zh", "en": "en", "en-GB,en;q=0.9": "en",
		"fr, en;q=0.5": "en", "fr": "zh", "*": "zh", "en;q=0.1, zh;q=0.9": "zh", ";;;": "zh",
		strings.Repeat("x,", 5000): "zh",
	} {
		r := httptest.NewRequest("GET", "/nothing", nil)
		r.Header.Set("Accept-Language", accept)
		got := serve(t, engine, r)
		require.Equal(t, want, got.Header().Get("Content-Language"), accept)
		require.Equal(t, map[string]string{"zh": "接口不存在", "en": "no such route"}[want], got.Msg)
		require.Equal(t, 404, got.Code)
	}
}

func TestLanguageOnSeveralLines(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	for _, lines := range [][]string{{"fr", "en"}, {"", "en"}, {"zh;q=0.1", "en"}} {
		r := httptest.NewRequest("GET", "/nothing", nil)
		r.Header["Accept-Language"] = lines
		require.Equal(t, "no such route", serve(t, engine, r).Msg, "%q", lines)
	}
}

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
			r := httptest.NewRequest("GET", "/noted", nil)
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
			r := httptest.NewRequest("GET", "/a%0Alevel=ERROR%1B[31m%C2%9B%7F", nil)
			r.Header.Set("X-Request-ID", "b\x1b[31m")
			serve(t, engine, r)
			require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			require.False(t, strings.ContainsFunc(strings.TrimSpace(log.String()), unicode.IsControl), log.String())
		})
	}
}

func TestXForwardedForCountsFromTrustedProxiesOnly(t *testing.T) {
	for _, test := range []struct {
		name      string
		proxies   []string
		forwarded []string
		want      string
	}{
		{"none is trusted", nil, []string{"203.0.113.9"}, "192.0.2.1"},
		{"the peer is trusted", []string{"192.0.2.0/24"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"another one is trusted", []string{"198.51.100.0/24"}, []string{"203.0.113.9"}, "192.0.2.1"},
		{"the client wrote the first", []string{"192.0.2.0/24"}, []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"the client wrote a line of its own", []string{"192.0.2.0/24"}, []string{"127.0.0.1", "203.0.113.9"}, "203.0.113.9"},
		{"what it says is no address", []string{"192.0.2.0/24"}, []string{"203.0.113.9, <script>"}, "192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			engine := newEngine(t, httpapi.Config{TrustedProxies: test.proxies})
			var client string
			engine.GET("/ip", httpapi.Handle(func(c *gin.Context) error {
				client = c.ClientIP()
				return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
			}))
			r := httptest.NewRequest("GET", "/ip", nil) // from 192.0.2.1
			r.Header["X-Forwarded-For"] = test.forwarded
			serve(t, engine, r)
			require.Equal(t, test.want, client)
		})
	}
	_, err := httpapi.NewEngine(httpapi.Config{TrustedProxies: []string{"10.0.0.0/33"}})
	require.Error(t, err)
}
