package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

// exchange is one request on its way through the engine. It travels as the writer of the answer, which costs less
// than gin's map of values. Nobody may put another writer around it.
type exchange struct {
	gin.ResponseWriter
	id        string
	client    string // the address, once somebody has asked for it
	user      int64  // 0 unless SetCaller was called
	caller    any
	translate Translator
	attrs     []slog.Attr
	limit     string // which one was exceeded, if one was
	cut       bool   // a panic came after the answer began
}

func exchangeOf(c *gin.Context) *exchange {
	if x, ok := c.Writer.(*exchange); ok {
		return x
	}
	return &exchange{} // outside an engine of NewEngine
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// clientOf returns the address of the client, or "" if it is unknown.
func (x *exchange) clientOf(c *gin.Context) string {
	if x.client == "" {
		x.client = c.ClientIP()
	}
	return x.client
}

// SetCaller records who makes the request: id for the log line, caller for Caller. Ids are positive.
func SetCaller(c *gin.Context, id int64, caller any) {
	x := exchangeOf(c)
	x.user, x.caller = id, caller
}

// Caller returns what SetCaller recorded, or nil.
func Caller(c *gin.Context) any { return exchangeOf(c).caller }

// Annotate adds attributes to the log line of a request.
func Annotate(c *gin.Context, attrs ...slog.Attr) {
	x := exchangeOf(c)
	x.attrs = append(x.attrs, attrs...)
}

// headerRequestID is X-Request-ID as net/http writes it, which costs nothing to look up.
const headerRequestID = "X-Request-Id"

// requestID is what a client or a proxy may choose as the id of a request.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// logged writes one line a request, after it, and knows it by an id that the answer repeats. It stands
// outside of recovering, so that a panic is in the log with its status.
func logged(cfg Config) gin.HandlerFunc {
	log, checkForwarded := cfg.Log, forwarded(cfg)
	return func(c *gin.Context) {
		start := time.Now()
		x := &exchange{ResponseWriter: c.Writer, id: c.GetHeader(headerRequestID), translate: cfg.Translate}
		if x.id == "" || !requestID.MatchString(x.id) {
			x.id = rand.Text()
		}
		c.Writer = x
		checkForwarded(c)
		c.Header(headerRequestID, x.id)
		defer func() { // even if the answer is cut off
			took := time.Since(start)
			nameSpan(c)
			if cfg.Observe != nil {
				cfg.Observe(x.answered(c, took))
			}
			if level := levelOf(c); log.Enabled(c.Request.Context(), level) {
				log.LogAttrs(c.Request.Context(), level, "request", x.line(c, took)...)
			}
		}()
		c.Next()
	}
}

// line is what the log says of a request. The path is as it came over the wire, where a control character
// is escaped.
func (x *exchange) line(c *gin.Context, took time.Duration) []slog.Attr {
	line := []slog.Attr{
		slog.String("method", c.Request.Method),
		slog.String("path", c.Request.URL.EscapedPath()),
		slog.String("route", c.FullPath()),
		slog.Int("status", c.Writer.Status()),
		slog.Duration("took", took.Round(time.Microsecond)),
		slog.String("client", x.clientOf(c)),
		slog.String("request", x.id),
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

// levelOf is Error for what the operator should look at. A client that went away is not that.
func levelOf(c *gin.Context) slog.Level {
	switch status := c.Writer.Status(); {
	case exchangeOf(c).cut:
		return slog.LevelError
	case status >= http.StatusInternalServerError && c.Request.Context().Err() == nil:
		return slog.LevelError
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// recovering answers 500 for a panic, which goes to the log with its stack.
func recovering(c *gin.Context) {
	defer func() {
		err := recovered(recover())
		if err == nil {
			return
		}
		Annotate(c, slog.String("stack", string(debug.Stack())))
		if c.Writer.Written() { // too late for an answer: the client must see that it is cut off
			_ = c.Error(err)
			exchangeOf(c).cut = true
			panic(http.ErrAbortHandler)
		}
		Fail(c, err)
	}()
	c.Next()
}

// secured sets the headers that every answer has.
func secured() gin.HandlerFunc {
	noStore, noSniff := []string{"no-store"}, []string{"nosniff"} // shared, for nobody adds to them
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Cache-Control"] = noStore
		header["X-Content-Type-Options"] = noSniff
		c.Next()
	}
}
