package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// errForeignOrigin answers a page of an origin that is not allowed.
var errForeignOrigin = NewError(http.StatusForbidden, Text{"不允许来自该网站的请求", "requests from this origin are not allowed"})

// crossOriginOf returns handlers that do nothing if there are no origins: then no page is told anything.
func crossOriginOf(origins []string) (allow, answer gin.HandlerFunc, err error) {
	nothing := func(*gin.Context) {}
	for _, origin := range origins {
		if _, err := ParseOrigin(origin); err != nil {
			return nothing, nothing, fmt.Errorf("origin %q: %w", origin, err)
		}
	}
	if len(origins) == 0 {
		return nothing, nothing, nil
	}
	allow, answer = crossOrigin(origins)
	return allow, answer, nil
}

// crossOrigin lets pages of the given origins read responses (https://fetch.spec.whatwg.org/#http-cors-protocol) and
// refuses pages of all others. It never allows credentials, which in CORS are cookies: a page sends its token in a
// header.
//
// allow runs before any handler that may refuse a request, so that the page can read the refusal. answer ends
// preflights and the requests of foreign pages.
func crossOrigin(origins []string) (allow, answer gin.HandlerFunc) {
	headers := cors.New(cors.Config{
		AllowOrigins: origins,
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowHeaders: []string{
			"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Traceparent", "Tracestate", "X-Request-ID",
		},
		ExposeHeaders: []string{"ETag", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate", "X-Request-ID"},
		CustomSchemas: schemesOf(origins), // gin-contrib/cors refuses others than those of the web
		MaxAge:        2 * time.Hour,      // the maximum of Chromium; others cap it themselves
	})
	allow = func(c *gin.Context) {
		if slices.Contains(origins, c.GetHeader("Origin")) && c.Request.Method != http.MethodOptions {
			headers(c)
		}
	}
	answer = func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		preflight := c.GetHeader("Access-Control-Request-Method") != "" && c.Request.Method == http.MethodOptions
		switch {
		case origin == "", isOwn(c, origin):
		case slices.Contains(origins, origin):
			if preflight { // cors would take any OPTIONS for a preflight
				headers(c)
			}
		case c.FullPath() == "" && !preflight: // 404 and 405 come before 403
		default: // cors would refuse it with an empty body
			Annotate(c, slog.String("origin", origin), slog.String("remedy", "add the origin to CORS_ORIGINS if it is yours"))
			Fail(c, errForeignOrigin)
		}
	}
	return allow, answer
}

// isOwn reports whether origin is that of the service itself, under the name that the client knows: a trusted proxy may
// have put another one into Host. Of X-Forwarded-Host, which further proxies may have added theirs to, the first
// element is the client's.
func isOwn(c *gin.Context, origin string) bool {
	hosts := []string{c.Request.Host}
	_, trusted := exchangeOf(c).proxies.peer(c.Request)
	if forwarded := c.GetHeader("X-Forwarded-Host"); forwarded != "" && trusted {
		first, _, _ := strings.Cut(forwarded, ",")
		hosts = append(hosts, strings.TrimSpace(first))
	}
	return slices.ContainsFunc(hosts, func(host string) bool { return origin == "http://"+host || origin == "https://"+host })
}

// schemesOf returns the schemes of origins that are not of the web, such as capacitor://.
func schemesOf(origins []string) (schemes []string) {
	for _, origin := range origins {
		if scheme, _, ok := strings.Cut(origin, "://"); ok && scheme != "http" && scheme != "https" {
			schemes = append(schemes, scheme+"://")
		}
	}
	return schemes
}
