package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestPlainHTTPBesideHTTPS(t *testing.T) {
	for name, test := range map[string]struct {
		method, host, target, port string
		status                     int
		location                   string
	}{
		"a page moves to HTTPS":           {"GET", "shop.example.com", "/console", "443", 308, "https://shop.example.com/console"},
		"with its query":                  {"GET", "shop.example.com", "/order/list?limit=1&after=%2F", "443", 308, "https://shop.example.com/order/list?limit=1&after=%2F"},
		"and a HEAD":                      {"HEAD", "shop.example.com", "/", "443", 308, "https://shop.example.com/"},
		"to another port":                 {"GET", "shop.example.com:8080", "/docs", "8443", 308, "https://shop.example.com:8443/docs"},
		"from another port":               {"GET", "shop.example.com:8080", "/docs", "443", 308, "https://shop.example.com/docs"},
		"to an address of IPv6":           {"GET", "[2001:db8::1]", "/docs", "443", 308, "https://[2001:db8::1]/docs"},
		"to an address of IPv6 and port":  {"GET", "[2001:db8::1]:80", "/docs", "8443", 308, "https://[2001:db8::1]:8443/docs"},
		"a path that looks like a host":   {"GET", "shop.example.com", "//evil.example/", "443", 308, "https://shop.example.com//evil.example/"},
		"what is no path":                 {"GET", "shop.example.com", "x:.evil.example/a", "443", 403, ""},
		"a password has been sent openly": {"POST", "shop.example.com", "/user/login", "443", 403, ""},
		"a cancellation":                  {"DELETE", "shop.example.com", "/order/cancel/1", "443", 403, ""},
		"a probe of a balancer":           {"GET", "shop.example.com", "/healthz", "443", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			engine, err := httpapi.NewRedirect(httpapi.Config{Log: silent, Ready: func(context.Context) error { return nil }}, test.port)
			require.NoError(t, err)
			request := httptest.NewRequest(test.method, test.target, strings.NewReader(""))
			if rest, ok := strings.CutPrefix(test.target, "//"); ok {
				request = httptest.NewRequest(test.method, "http://"+test.host+"//"+rest, http.NoBody)
			}
			request.Host = test.host
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, request)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, test.location, w.Header().Get("Location"))
			if test.status == 403 {
				require.JSONEq(t, `{"code":403,"msg":"请使用 HTTPS","data":{}}`, w.Body.String())
			}
		})
	}
}
