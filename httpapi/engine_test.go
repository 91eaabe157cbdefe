package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
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

// networks are the networks that texts stand for.
func networks(t testing.TB, texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		network, err := httpapi.ParseNetwork(text)
		require.NoError(t, err, text)
		list = append(list, network)
	}
	return list
}

// answer is a response whose body is an envelope.
type answer struct {
	*httptest.ResponseRecorder
	Code int             `json:"code"`
	Msg  string          `json:"msg"`
	Data json.RawMessage `json:"data"`
}

// serve fails the test unless handler answers r with an envelope.
func serve(t testing.TB, handler http.Handler, r *http.Request) answer {
	t.Helper()
	got := answer{ResponseRecorder: httpapitest.Serve(handler, r)}
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
		{"the asterisk form", "OPTIONS", "*", 200, 0, "GET, HEAD, POST, DELETE, OPTIONS", `{}`},
		{"the asterisk form by another method", "GET", "*", 404, 404, "", `{}`},
		{"health", "GET", "/healthz", 200, 0, "", `{}`},
		{"health by HEAD", "HEAD", "/healthz", 200, 0, "", `{}`},
		{"readiness", "GET", "/readyz", 200, 0, "", `{}`},
		{"readiness by HEAD", "HEAD", "/readyz", 200, 0, "", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := serve(t, engine, httpapitest.Request(test.method+" "+test.path, "", ""))
			require.Equal(t, test.status, got.ResponseRecorder.Code)
			require.Equal(t, test.code, got.Code)
			require.Equal(t, test.allow, got.Header().Get("Allow"))
			require.Equal(t, test.data, string(got.Data))
			require.Equal(t, "no-store", got.Header().Get("Cache-Control"))
			require.Equal(t, "nosniff", got.Header().Get("X-Content-Type-Options"))
		})
	}
}
