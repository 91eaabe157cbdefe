package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestReadinessFollowsTheCheckAndHealthDoesNot(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, httpapi.Config{
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
		Ready: func(context.Context) error { return errors.New("no disk in /dev/sdb") },
	})
	got := serve(t, engine, httpapitest.Request("GET /readyz", "", ""))
	require.Equal(t, 503, got.ResponseRecorder.Code)
	require.Equal(t, 503, got.Code)
	require.NotContains(t, got.Body.String(), "disk")
	require.Contains(t, log.String(), "no disk in /dev/sdb")
	require.Equal(t, 200, serve(t, engine, httpapitest.Request("GET /healthz", "", "")).ResponseRecorder.Code)
}
