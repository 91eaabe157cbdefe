package httpapi_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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

func TestTheConnectionOfAStrangerIsClosedWithTheRefusal(t *testing.T) {
	engine := newEngine(t, httpapi.Config{
		Limit: httpapi.Limit{Count: 1, Per: time.Hour, Burst: 100}, TrustedProxies: networks(t, "10.0.0.0/8"),
	})
	known := func(c *gin.Context) { httpapi.SetCaller(c, 7, nil) }
	refuse := func(status int) gin.HandlerFunc {
		return httpapi.Handle(func(*gin.Context) error { return &httpapi.Error{Status: status, Code: status} })
	}
	for _, status := range []int{200, 400, 401, 403, 404, 429, 500, 503} {
		engine.GET(fmt.Sprint("/stranger/", status), refuse(status))
		engine.GET(fmt.Sprint("/caller/", status), known, refuse(status))
	}
	for path, closed := range map[string]bool{
		"/stranger/200": false, "/stranger/400": true, "/stranger/401": true, "/stranger/404": true, "/stranger/429": true,
		"/stranger/500": false, "/stranger/503": false, "/nothing": true,
		"/caller/200": false, "/caller/400": false, "/caller/403": false, "/caller/404": false, "/caller/429": true,
	} {
		for _, peer := range []string{"192.0.2.1:1", "10.0.0.1:1"} {
			r := httpapitest.Request("GET "+path, "", "")
			r.RemoteAddr = peer
			want := ""
			if closed && peer == "192.0.2.1:1" {
				want = "close"
			}
			require.Equal(t, want, httpapitest.Serve(engine, r).Header().Get("Connection"), path+" from "+peer)
		}
	}
}

func TestABodyThatNeverComesKeepsNoStrangersConnectionOpen(t *testing.T) {
	t.Parallel()
	address, _, _ := start(t, 0)
	for _, body := range []string{
		"Content-Length: 10\r\n\r\n", "Content-Length: 10\r\n\r\nhalf", "Content-Length: 300000\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprint(conn, "POST /nothing HTTP/1.1\r\nHost: a\r\n"+body)
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			received := bufio.NewReader(conn)
			response, err := http.ReadResponse(received, nil)
			require.NoError(t, err)
			require.Equal(t, 404, response.StatusCode)
			require.True(t, response.Close)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			_, err = received.ReadByte()
			require.ErrorIs(t, err, io.EOF, "the connection is still open")
		})
	}
}
