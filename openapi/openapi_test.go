package openapi_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/openapi"
)

// alone is an engine with the document and its page only.
func alone(t *testing.T, limit httpapi.Limit) http.Handler {
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Limit: limit, Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	require.NoError(t, openapi.Mount(engine))
	return engine
}

func ask(handler http.Handler, line string, header ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestABrowserThatAsksForTheRootIsSentToThePageAndNobodyElse(t *testing.T) {
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
		w := ask(handler, test.line, "Accept", test.accept)
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
	w := ask(handler, "GET /docs")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	page := w.Body.String()
	require.NotRegexp(t, `<script>|<style|style=|\son\w+=|//`, page)
	files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, files, 6)
	for _, file := range files {
		w := ask(handler, "GET /"+file[1])
		require.Equal(t, 200, w.Code, file[1])
		require.NotZero(t, w.Body.Len())
	}
}

func TestAFileIsSentWholeAndCompressedIfThatIsUnderstood(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	plain := ask(handler, "GET /docs/swagger-ui-bundle.js")
	require.Empty(t, plain.Header().Get("Content-Encoding"))
	for _, header := range [][]string{
		{"Range", "bytes=0-9"}, {"Range", "bytes=99999999-"}, {"If-None-Match", plain.Header().Get("Etag")}, {"If-Match", "other"},
	} {
		w := ask(handler, "GET /docs/swagger-ui-bundle.js", append(header, "Accept-Encoding", "gzip")...)
		require.Equal(t, 200, w.Code, header)
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
		unpacked, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(plain.Body.Bytes()), sha256.Sum256(text), header)
	}
	require.Equal(t, 404, ask(handler, "GET /docs/swagger-ui.js").Code, "one that the page does not use")
}

func TestThePageIsLimitedLikeEverythingElse(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{Count: 1, Per: 1e12, Burst: 1})
	require.Equal(t, 200, ask(handler, "GET /docs").Code)
	require.Equal(t, 429, ask(handler, "GET /docs").Code)
	require.Equal(t, 429, ask(handler, "GET /", "Accept", "text/html").Code)
}
