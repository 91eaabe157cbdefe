package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"
)

// exchange is the state of one request and its response. It travels as the context's writer, which costs less than
// gin's map of values. So no middleware may replace the writer.
type exchange struct {
	gin.ResponseWriter
	id        string // of the request
	proxies   *proxies
	client    netip.Addr // set by clientOf
	user      int64      // 0 before SetCaller
	caller    any
	translate func(error) *Error
	attrs     []slog.Attr // for the log line
	code      int         // of the envelope, 0 for a response without one
	limit     string      // name of the exceeded limit, or ""
	aborted   bool        // a panic came after the response had begun

	literals func() map[string]bool // the segments of all routes that are no parameters
}

// exchangeOf panics if the request did not come through NewEngine or its writer was replaced, which are wiring bugs.
func exchangeOf(c *gin.Context) *exchange {
	x, ok := c.Writer.(*exchange)
	if !ok {
		panic("httpapi: the engine is not from NewEngine, or a middleware replaced the writer")
	}
	return x
}

// Unwrap makes the connection available to http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// clientOf returns the address of the client, the zero Addr if it is unknown.
func (x *exchange) clientOf(c *gin.Context) netip.Addr {
	if !x.client.IsValid() {
		x.client = x.proxies.client(c.Request)
	}
	return x.client
}

// SetCaller records the caller of a request: a positive id for the log line, and any value for Caller to return.
func SetCaller(c *gin.Context, id int64, caller any) {
	x := exchangeOf(c)
	x.user, x.caller = id, caller
}

// Caller returns the value that SetCaller recorded, or nil.
func Caller(c *gin.Context) any { return exchangeOf(c).caller }

// Annotate adds attributes to the log line of a request.
func Annotate(c *gin.Context, attrs ...slog.Attr) {
	x := exchangeOf(c)
	x.attrs = append(x.attrs, attrs...)
}
