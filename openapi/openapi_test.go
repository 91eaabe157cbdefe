package openapi_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
	"userorder/openapi"
)

// alone returns an engine with the document and its page only.
func alone(t *testing.T, limit httpapi.Limit) http.Handler {
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Limit: limit, Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	require.NoError(t, openapi.Mount(engine))
	return engine
}

func TestOnlyABrowserIsRedirectedFromTheRootToThePage(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, test := range []struct {
		line, accept string
		status       int
	}{
		{"GET /", chromium, 302},
		{"GET /?from=somewhere", "text/html", 302},
		{"HEAD /", chromium, 302},
		{"GET /", "", 404},
		{"GET /", "*/*", 404},
		{"GET /", "application/json", 404},
		{"POST /", chromium, 404},
		{"DELETE /", chromium, 404},
		{"OPTIONS /", chromium, 404},
		{"GET //", chromium, 404},
		{"GET /nothing", chromium, 404},
		{"GET /docs/", chromium, 404},
	} {
		r := httpapitest.Request(test.line, "", "")
		r.Header.Set("Accept", test.accept)
		w := httpapitest.Serve(handler, r)
		require.Equal(t, test.status, w.Code, test)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		if test.status == 302 {
			require.Equal(t, "/docs", w.Header().Get("Location"))
			continue
		}
		require.JSONEq(t, `{"code":404,"msg":"接口不存在","data":{}}`, w.Body.String())
	}
}

func TestThePageHasNothingInlineAndEveryFileThatItNames(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	w := httpapitest.Call(handler, "GET /docs", "", "")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	page := w.Body.String()
	require.NotRegexp(t, `<script>|<style|style=|\son\w+=|//`, page)
	files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, files, 6)
	for _, file := range files {
		w := httpapitest.Call(handler, "GET /"+file[1], "", "")
		require.Equal(t, 200, w.Code, file[1])
		require.NotZero(t, w.Body.Len())
	}
}

func TestAFileIsSentWholeAndCompressedIfTheClientAcceptsIt(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	const file = "GET /docs/swagger-ui-bundle.js"
	plain := httpapitest.Call(handler, file, "", "")
	require.Empty(t, plain.Header().Get("Content-Encoding"))
	for _, header := range []http.Header{
		{"Range": {"bytes=0-9"}}, {"Range": {"bytes=99999999-"}}, {"If-None-Match": {plain.Header().Get("Etag")}}, {"If-Match": {"other"}},
	} {
		r := httpapitest.Request(file, "", "")
		r.Header = header
		r.Header.Set("Accept-Encoding", "gzip")
		w := httpapitest.Serve(handler, r)
		require.Equal(t, 200, w.Code, header)
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
		unpacked, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(plain.Body.Bytes()), sha256.Sum256(text), header)
	}
	require.Equal(t, 404, httpapitest.Call(handler, "GET /docs/swagger-ui.js", "", "").Code, "a file that the page does not use")
}

func TestThePageCountsForTheLimitOfRequests(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{Count: 1, Per: 1e12, Burst: 1})
	require.Equal(t, 200, httpapitest.Call(handler, "GET /docs", "", "").Code)
	require.Equal(t, 429, httpapitest.Call(handler, "GET /docs", "", "").Code)
	r := httpapitest.Request("GET /", "", "")
	r.Header.Set("Accept", "text/html")
	require.Equal(t, 429, httpapitest.Serve(handler, r).Code)
}
