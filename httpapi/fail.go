package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Handle returns a gin handler that calls handler and answers with the error it returns, if any.
func Handle(handler func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handler(c); err != nil {
			Fail(c, err)
		}
	}
}

// Fail logs err, answers with it and ends the request. The client only ever reads an *Error: the one in the tree of
// err, else the one that Config.Translate returns for err, else a 500.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err) // for the log
	x := exchangeOf(c)
	public, ok := errors.AsType[*Error](err)
	if !ok {
		public = x.publicError(c, err)
	}
	x.limit = public.Limit
	if len(public.fields) > 0 {
		Annotate(c, slog.String("fields", public.fieldNames()))
	}
	if public.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(public.RetryAfter.Seconds()))))
	}
	if x.isStranger(c, public.Status) {
		dismiss(c, public.Status)
	}
	write(c, public.Status, public.Code, public.Msg, public.details(c.Request))
	c.Abort()
}

// dismissTime is how long the rest of a body may take after the response to it. A client that is still sending would
// lose the response if the connection were closed at once.
const dismissTime = time.Second

// dismiss has the connection closed after the response. net/http reads the rest of a body first, for up to readTimeout.
func dismiss(c *gin.Context, status int) {
	c.Header("Connection", "close")
	if c.Request.ContentLength != 0 && status != http.StatusRequestTimeout { // whose time is up already
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(dismissTime)) // fails without a connection
	}
}

// isStranger reports whether a client has done nothing yet that is worth an open connection: it sends too much, or its
// request is refused before a token of it was seen. The connection of a trusted proxy is that of many clients.
func (x *exchange) isStranger(c *gin.Context, status int) bool {
	refused := status == http.StatusTooManyRequests || status >= 400 && status < 500 && x.user == 0
	if !refused {
		return false
	}
	_, trusted := x.proxies.peer(c.Request)
	return !trusted
}

// publicError returns the answer to an error that is not meant for clients.
func (x *exchange) publicError(c *gin.Context, err error) *Error {
	if x.translate != nil {
		if public := x.translate(err); public != nil {
			return public
		}
	}
	if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
		return ErrUnavailable // the client is gone; a 500 would count as a bug
	}
	return errInternal
}

// fieldNames lists the names of the invalid fields, as our structs spell them.
func (e *Error) fieldNames() string {
	var names []string
	for _, fault := range e.fields {
		names = append(names, fault.name)
	}
	return strings.Join(names, ",")
}

// details returns the data of the response: {"errors":[{"field":"email","msg":"…"}]}, what With was given, or {}.
func (e *Error) details(r *http.Request) any {
	switch {
	case e.data != nil:
		return e.data
	case len(e.fields) == 0:
		return Empty{}
	}
	lang := languageOf(r)
	type field struct {
		Field string `json:"field"`
		Msg   string `json:"msg"`
	}
	var list struct {
		Errors []field `json:"errors"`
	}
	for _, fault := range e.fields {
		list.Errors = append(list.Errors, field{fault.name, lang.of(fault.msg)})
	}
	return list
}
