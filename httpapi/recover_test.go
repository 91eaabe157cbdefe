package httpapi_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestAPanicAfterTheResponseHasBegunAbortsTheConnection(t *testing.T) {
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
	server.Close() // waits for the handler and its log line
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "panic: bug")
}
