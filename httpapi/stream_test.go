package httpapi_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestDataThatIsStreamedIsInTheEnvelope(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	engine.GET("/", httpapi.Handle(func(c *gin.Context) error {
		return httpapi.Stream(c, httpapi.MsgFound, func(write func([]byte)) error {
			for _, piece := range []string{`{"list":[1`, `,2`, `,3]}`} {
				write([]byte(piece))
			}
			return nil
		})
	}))
	w := httpapitest.Send(engine, "GET /", "Accept-Language", "en")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "en", w.Header().Get("Content-Language"))
	require.JSONEq(t, `{"code":0,"msg":"found","data":{"list":[1,2,3]}}`, w.Body.String())
}

func TestAStreamThatFailsIsAnsweredOrCutOff(t *testing.T) {
	failure := errors.New("the database went away")
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for path, pieces := range map[string]int{"/early": 0, "/late": 2} {
		engine.GET(path, httpapi.Handle(func(c *gin.Context) error {
			return httpapi.Stream(c, httpapi.MsgFound, func(write func([]byte)) error {
				for range pieces {
					write([]byte(`{"x":1`))
				}
				return failure
			})
		}))
	}
	server := httptest.NewServer(engine)
	defer server.Close()
	response, err := http.Get(server.URL + "/early")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 500, response.StatusCode)
	response, err = http.Get(server.URL + "/late")
	if err == nil {
		_, err = io.ReadAll(response.Body)
		require.NoError(t, response.Body.Close())
	}
	require.Error(t, err, "the client takes it for complete")
	server.Close()
	require.Contains(t, log.String(), "the database went away")
}
