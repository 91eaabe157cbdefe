package httpapi_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// needExchange are the functions that work only in an engine of NewEngine.
var needExchange = map[string]func(*gin.Context){
	"SetCaller": func(c *gin.Context) { httpapi.SetCaller(c, 7, "caller") },
	"Caller":    func(c *gin.Context) { httpapi.Caller(c) },
	"Annotate":  func(c *gin.Context) { httpapi.Annotate(c, slog.Int("n", 1)) },
	"Fail":      func(c *gin.Context) { httpapi.Fail(c, errors.New("a fault")) },
	"Limited":   httpapi.Limited("few", httpapi.Limit{Count: 1, Per: 1, Burst: 1}),
}

const wiringBug = "httpapi: the engine is not from NewEngine, or a middleware replaced the writer"

func TestARequestThatDidNotComeThroughNewEnginePanics(t *testing.T) {
	for name, use := range needExchange {
		t.Run(name, func(t *testing.T) {
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = httpapitest.Request("GET /things", "", "")
			require.PanicsWithValue(t, wiringBug, func() { use(c) })
		})
	}
}

func TestAMiddlewareThatReplacesTheWriterIsLoggedAsABug(t *testing.T) {
	for name, use := range needExchange {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			engine.GET("/things", func(c *gin.Context) {
				c.Writer = struct{ gin.ResponseWriter }{c.Writer}
				use(c)
				c.String(200, "it went on")
			})
			got := serve(t, engine, httpapitest.Request("GET /things", "", ""))
			require.Equal(t, 500, got.ResponseRecorder.Code)
			require.Equal(t, 1, strings.Count(log.String(), "msg=request"), log.String())
			require.Contains(t, log.String(), `error="panic: `+wiringBug+`"`)
			require.Contains(t, log.String(), "stack=")
		})
	}
}

func TestTheCallerIsInTheLogLine(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	engine.GET("/things", httpapi.Handle(func(c *gin.Context) error {
		require.Nil(t, httpapi.Caller(c))
		httpapi.SetCaller(c, 7, "caller")
		require.Equal(t, "caller", httpapi.Caller(c))
		return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{})
	}))
	serve(t, engine, httpapitest.Request("GET /things", "", ""))
	require.Contains(t, log.String(), " user=7")
}
