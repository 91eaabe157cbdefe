package openapi_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
	"userorder/openapi"
)

// alone is an engine with the document and its page only.
func alone(t *testing.T, limit httpapi.Limit) http.Handler {
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Limit: limit, Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	require.NoError(t, openapi.Mount(engine, "v1.2.3"))
	return engine
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
		{"GET /docs/nothing", chromium, 404},
	} {
		w := httpapitest.Send(handler, test.line, "Accept", test.accept)
		require.Equal(t, test.status, w.Code, test)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		if test.status == 302 {
			require.Equal(t, "docs", w.Header().Get("Location"), "relative, for a proxy may have taken a prefix off")
			continue
		}
		require.JSONEq(t, `{"code":404,"msg":"接口不存在","data":{}}`, w.Body.String())
	}
}

// filesOf returns the addresses that a page names, as a browser resolves them against the page's own.
func filesOf(t *testing.T, path, page string) (addresses []string) {
	t.Helper()
	base, err := url.Parse(path)
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`(?:src|href|data-document)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, strings.HasPrefix(found[1], "/"), "%s is not relative", found[1])
		address, err := base.Parse(found[1])
		require.NoError(t, err)
		addresses = append(addresses, address.String())
	}
	require.Len(t, addresses, 7)
	return addresses
}

func TestThePageHasNothingInlineAndEveryFileThatItNames(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	for _, path := range []string{"/docs", "/docs/"} {
		w := httpapitest.Send(handler, "GET "+path)
		require.Equal(t, 200, w.Code)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
		page := w.Body.String()
		require.NotRegexp(t, `<script>|<style|style=|\son\w+=|//|\{\{`, page)
		for _, address := range filesOf(t, path, page) {
			w := httpapitest.Send(handler, "GET "+address)
			require.Equal(t, 200, w.Code, address)
			require.NotZero(t, w.Body.Len())
			if strings.HasPrefix(address, "/docs/") {
				require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"), address)
			}
		}
	}
}

// TestTheFilesOfSwaggerUIAreThoseOfItsAuthors: swagger-ui.sh fetches them, from the npm package swagger-ui-dist 5.35.0.
func TestTheFilesOfSwaggerUIAreThoseOfItsAuthors(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	script, err := os.ReadFile("swagger-ui.sh")
	require.NoError(t, err)
	require.Contains(t, string(script), "\nversion=5.35.0\n")
	for name, sum := range map[string]string{
		"swagger-ui.css":       "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
		"swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
		"favicon-32x32.png":    "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837",
	} {
		content := httpapitest.Send(handler, "GET /docs/any/"+name).Body.Bytes()
		require.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(content)), name)
		if strings.HasSuffix(name, ".js") {
			require.Contains(t, string(content), "5.35.0")
		}
	}
	license, err := os.ReadFile("page/swagger-ui/LICENSE")
	require.NoError(t, err)
	require.Contains(t, string(license), "Apache License")
}

func TestAFileIsSentWholeAndCompressedIfThatIsUnderstood(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{})
	for _, address := range []string{"/docs/0/swagger-ui-bundle.js", "/docs", "/openapi.json", "/openapi.yaml"} {
		plain := httpapitest.Send(handler, "GET "+address)
		require.Empty(t, plain.Header().Get("Content-Encoding"))
		for _, header := range [][]string{
			{"Range", "bytes=0-9"}, {"Range", "bytes=99999999-"}, {"If-None-Match", plain.Header().Get("ETag")}, {"If-Match", "other"},
		} {
			w := httpapitest.Send(handler, "GET "+address, append(header, "Accept-Encoding", "gzip")...)
			require.Equal(t, 200, w.Code, header)
			require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
			require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
			require.Less(t, w.Body.Len(), plain.Body.Len()*6/10)
			unpacked, err := gzip.NewReader(w.Body)
			require.NoError(t, err)
			text, err := io.ReadAll(unpacked)
			require.NoError(t, err)
			require.Equal(t, sha256.Sum256(plain.Body.Bytes()), sha256.Sum256(text), header)
		}
	}
	require.Equal(t, 404, httpapitest.Send(handler, "GET /docs/0/swagger-ui.js").Code, "one that the page does not use")
}

func TestTheDocumentIsOfTheBuildAndOfWhereItWasFound(t *testing.T) {
	t.Parallel()
	var document struct {
		Info    struct{ Version string }
		Servers []struct{ URL string }
	}
	require.NoError(t, json.Unmarshal(httpapitest.Send(alone(t, httpapi.Limit{}), "GET /openapi.json").Body.Bytes(), &document))
	require.Equal(t, "v1.2.3", document.Info.Version)
	require.Len(t, document.Servers, 1)
	for found, want := range map[string]string{
		"http://localhost:5000/openapi.yaml": "http://localhost:5000/", "https://example.com/shop/api/openapi.json": "https://example.com/shop/api/",
	} {
		at, err := url.Parse(found)
		require.NoError(t, err)
		server, err := at.Parse(document.Servers[0].URL)
		require.NoError(t, err)
		require.Equal(t, want, server.String())
	}
}

func TestThePageLoadsBehindAProxyThatTakesAPrefixOffThePath(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(alone(t, httpapi.Limit{}))
	t.Cleanup(service.Close)
	target, err := url.Parse(service.URL)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.StripPrefix("/shop/api", httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(proxy.Close)
	for path, want := range map[string]string{"/": "/shop/api/docs", "/docs": "/shop/api/docs", "/docs/": "/shop/api/docs/"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy.URL+"/shop/api"+path, nil)
		require.NoError(t, err)
		r.Header.Set("Accept", "text/html")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		page, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.Request.URL.Path)
		for _, address := range filesOf(t, proxy.URL+want, string(page)) {
			file, err := http.Get(address)
			require.NoError(t, err)
			require.NoError(t, file.Body.Close())
			require.Equal(t, 200, file.StatusCode, address)
		}
	}
}

func TestThePageIsLimitedLikeEverythingElse(t *testing.T) {
	t.Parallel()
	handler := alone(t, httpapi.Limit{Count: 1, Per: 1e12, Burst: 1})
	require.Equal(t, 200, httpapitest.Send(handler, "GET /docs").Code)
	require.Equal(t, 429, httpapitest.Send(handler, "GET /docs").Code)
	require.Equal(t, 429, httpapitest.Send(handler, "GET /", "Accept", "text/html").Code)
}
