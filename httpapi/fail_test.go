package httpapi_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

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
		{"an error for clients", func(*gin.Context) error { return httpapi.ErrNotFound },
			404, 404, "接口不存在", "no such route", ""},
		{"an error for clients with a cause", func(*gin.Context) error { return errors.Join(secret, httpapi.ErrNotFound) },
			404, 404, "接口不存在", "hunter2", ""},
		{"a business failure",
			func(*gin.Context) error { return httpapi.NewBusinessError(httpapi.Text{ZH: "没有", EN: "none"}) },
			200, 1, "没有", "none", ""},
		{"an error that asks to wait", func(*gin.Context) error { return busy }, 503, 503, "忙", "busy", "2"},
		{"any other error", func(*gin.Context) error { return secret }, 500, 500, "服务器内部错误", "hunter2", ""},
		{"an error that Translate knows", func(*gin.Context) error { return errors.Join(secret, outage) },
			503, 503, "服务暂不可用，请稍后重试", "hunter2", "2"},
		{"a panic", func(*gin.Context) error { panic(secret) }, 500, 500, "服务器内部错误", "panic: pq:", ""},
		{"a panic with a string", func(*gin.Context) error { panic("hunter2") }, 500, 500, "服务器内部错误", "panic: hunter2", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Translate: translate})
			engine.GET("/fail", httpapi.Handle(test.fail))
			got := serve(t, engine, httpapitest.Request("GET /fail", "", ""))
			require.Equal(t, test.status, got.ResponseRecorder.Code)
			require.Equal(t, test.code, got.Code)
			require.Equal(t, test.msg, got.Msg)
			require.Equal(t, test.retryAfter, got.Header().Get("Retry-After"))
			require.NotContains(t, got.Body.String(), "hunter2")
			require.Contains(t, log.String(), test.logged)
		})
	}
}
