package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// headerRequestID is X-Request-ID in canonical form, so that http.Header need not convert it.
const headerRequestID = "X-Request-Id"

// requestID matches the request ids that a client or a proxy may choose.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// logged starts the exchange of a request and writes its log line after the response, under an id that the response
// repeats. It runs outside recovering, so that the line of a panic has the status 500.
func logged(cfg Config, proxies *proxies, routes func() gin.RoutesInfo) gin.HandlerFunc {
	literals := sync.OnceValue(func() map[string]bool { return literalsOf(routes()) }) // once all routes are mounted
	log := cfg.Log
	return func(c *gin.Context) {
		start := time.Now()
		x := &exchange{
			ResponseWriter: c.Writer, id: c.GetHeader(headerRequestID), translate: cfg.Translate, proxies: proxies, literals: literals,
		}
		if x.id == "" || !requestID.MatchString(x.id) {
			x.id = rand.Text()
		}
		c.Writer = x
		c.Header(headerRequestID, x.id)
		defer func() { // runs for an aborted response too
			took := time.Since(start)
			x.describe(c)
			if cfg.Observe != nil {
				cfg.Observe(x.answered(c, took))
			}
			if level := x.level(c); log.Enabled(c.Request.Context(), level) {
				log.LogAttrs(c.Request.Context(), level, "request", x.line(c, took)...)
			}
		}()
		c.Next()
	}
}

// line returns the attributes of the log line.
func (x *exchange) line(c *gin.Context, took time.Duration) []slog.Attr {
	line := []slog.Attr{
		slog.String("method", c.Request.Method),
		slog.String("path", loggedPath(c)),
		slog.String("route", c.FullPath()),
		slog.Int("status", c.Writer.Status()),
		slog.Duration("took", took.Round(time.Microsecond)),
		slog.String("client", ClientAddress(c)),
		slog.String("request", x.id),
	}
	if x.code != 0 {
		line = append(line, slog.Int("code", x.code))
	}
	if trace := traceOf(c.Request); trace != "" {
		line = append(line, slog.String("trace", trace))
	}
	if x.user != 0 {
		line = append(line, slog.Int64("user", x.user))
	}
	line = append(line, x.attrs...)
	if x.limit != "" {
		line = append(line, slog.String("limit", x.limit))
	}
	if len(c.Errors) > 0 {
		line = append(line, slog.String("error", c.Errors.Last().Error()))
	}
	return line
}

// loggedPath returns the path as the client sent it, with control characters escaped and with long segments cut short,
// and any that should be an id and is not: a client may put a token where an id belongs. If no route matched, any
// segment but the first may be in the place of an id, unless one of our routes has it.
func loggedPath(c *gin.Context) string {
	const longestPath, longest, shown = 256, 24, 4
	path := c.Request.URL.EscapedPath()
	if len(path) > longestPath {
		path = path[:longestPath] + "…"
	}
	matched := c.FullPath() != "" && !strings.Contains(strings.ToLower(path), "%2f") // which shifts the segments
	if len(path) <= longest && len(c.Params) == 0 && matched {
		return path
	}
	segments, route := strings.Split(path, "/"), strings.Split(c.FullPath(), "/")
	for i, segment := range segments {
		switch {
		case len(segment) <= shown:
		case len(segment) > longest, matched && i < len(route) && isNoID(c, route[i]), !matched && mayBeSecret(c, i, segment):
			segments[i] = segment[:shown] + "…"
		}
	}
	return strings.Join(segments, "/")
}

// isNoID reports whether a segment of the route is a parameter that should be an id, and is none.
func isNoID(c *gin.Context, segment string) bool {
	name, isParameter := strings.CutPrefix(segment, ":")
	if !isParameter || !strings.HasSuffix(name, "id") {
		return false
	}
	_, ok := ParseID(c.Param(name))
	return !ok
}

// mayBeSecret reports whether segment i of a path without a route may be something else than a place: it is no id, in
// no route of ours, and not the first one, which tells what a scanner looks for, unless that has escaped separators.
func mayBeSecret(c *gin.Context, i int, segment string) bool {
	if i < 2 {
		return strings.Contains(segment, "%")
	}
	_, isID := ParseID(segment)
	return !isID && !exchangeOf(c).literals()[segment]
}

// literalsOf returns the segments of routes that are no parameters.
func literalsOf(routes gin.RoutesInfo) map[string]bool {
	literals := map[string]bool{}
	for _, route := range routes {
		for segment := range strings.SplitSeq(route.Path, "/") {
			if !strings.HasPrefix(segment, ":") && !strings.HasPrefix(segment, "*") {
				literals[segment] = true
			}
		}
	}
	return literals
}

// level returns Error for what an operator should look into. A client that disconnected is not an error.
func (x *exchange) level(c *gin.Context) slog.Level {
	switch status := c.Writer.Status(); {
	case x.aborted:
		return slog.LevelError
	case status == http.StatusNotImplemented: // the operator wants it so
		return slog.LevelInfo
	case status >= http.StatusInternalServerError && c.Request.Context().Err() == nil:
		return slog.LevelError
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return slog.LevelWarn
	}
	if path := c.FullPath(); path == "/healthz" || path == "/readyz" { // probes ask every second
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
