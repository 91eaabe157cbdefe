package httpapi_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestEachRequestIsObservedInWordsThatAreFew(t *testing.T) {
	var seen []httpapi.Answered
	engine := newEngine(t, httpapi.Config{
		Limit:   httpapi.Limit{Count: 1, Per: time.Hour, Burst: 5},
		Observe: func(a httpapi.Answered) { seen = append(seen, a) },
	})
	engine.GET("/things/:id", httpapi.Handle(func(c *gin.Context) error {
		time.Sleep(2 * time.Millisecond)
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	engine.GET("/panic", httpapi.Handle(func(*gin.Context) error { panic("bug") }))
	engine.GET("/busy", httpapi.Handle(func(*gin.Context) error {
		return &httpapi.Error{Status: 429, Code: 429, Limit: "failures"}
	}))
	for _, test := range []struct {
		method, path string
		want         httpapi.Answered
	}{
		{"GET", "/things/1", httpapi.Answered{Method: "GET", Route: "/things/:id", Status: 200}},
		{"GET", "/nothing/1", httpapi.Answered{Method: "GET", Route: "unmatched", Status: 404}},
		{"BREW", "/things/1", httpapi.Answered{Method: "other", Route: "unmatched", Status: 405}},
		{"GET", "/panic", httpapi.Answered{Method: "GET", Route: "/panic", Status: 500}},
		{"GET", "/busy", httpapi.Answered{Method: "GET", Route: "/busy", Status: 429, Limit: "failures"}},
		{"GET", "/things/1", httpapi.Answered{Method: "GET", Route: "/things/:id", Status: 429, Limit: "requests"}},
		{"GET", "/healthz", httpapi.Answered{Method: "GET", Route: "/healthz", Status: 200}},
	} {
		seen = nil
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, test.path, nil))
		require.Len(t, seen, 1)
		if test.want.Status == 200 && test.path != "/healthz" {
			require.Greater(t, seen[0].Took, 2*time.Millisecond)
		}
		seen[0].Took = 0
		require.Equal(t, test.want, seen[0])
	}
}

func TestTheLimitThatWasExceededIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	engine.GET("/few", httpapi.Limited("few", httpapi.Limit{Count: 1, Per: time.Hour, Burst: 1}),
		httpapi.Handle(func(*gin.Context) error { return errors.New("a bug") }))
	for range 2 {
		serve(t, engine, httptest.NewRequest("GET", "/few", nil))
	}
	require.Equal(t, 1, strings.Count(log.String(), "limit="), log.String())
	require.Regexp(t, `status=429 .* limit=few error="too many requests, try again later"`, log.String())
}

func TestTheTraceOfARequestIsInItsLine(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, test := range []struct{ name, header, want string }{
		{"as the specification has it", "00-" + id + "-" + parent + "-01", id},
		{"not sampled", "00-" + id + "-" + parent + "-00", id},
		{"of a later version", "cc-" + id + "-" + parent + "-01-what-the-future-holds", id},
		{"absent", "", ""},
		{"all zeros", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", ""},
		{"in upper case", "00-" + strings.ToUpper(id) + "-" + parent + "-01", ""},
		{"cut off", "00-" + id, ""},
		{"an attempt to forge a line", "00-" + id + "\nlevel=ERROR-" + parent + "-01", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			r := httptest.NewRequest("GET", "/nothing", nil)
			if test.header != "" {
				r.Header.Set("Traceparent", test.header)
			}
			serve(t, engine, r)
			if test.want == "" {
				require.NotContains(t, log.String(), "trace=")
			} else {
				require.Contains(t, log.String(), " trace="+test.want+" ")
			}
		})
	}
}
