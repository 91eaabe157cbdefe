package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Answered is what is counted of a request. Clients cannot make up values, so that their number is bounded.
type Answered struct {
	Method string        // "other" if it is none of HTTP's
	Route  string        // as it is mounted, or "unmatched"
	Status int           // of HTTP
	Limit  string        // which limit was exceeded, empty if none was
	Took   time.Duration // until the answer was written
}

func (x *exchange) answered(c *gin.Context, took time.Duration) Answered {
	route := c.FullPath()
	if route == "" {
		route = "unmatched"
	}
	return Answered{
		Method: methodOf(c.Request), Route: route, Status: c.Writer.Status(), Limit: x.limit, Took: took,
	}
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return "other"
}

// traceOf returns the id of the trace that a request belongs to, or "". Without a span around the engine it is
// what the client or a proxy says (https://www.w3.org/TR/trace-context/#traceparent-header).
func traceOf(r *http.Request) string {
	span := trace.SpanContextFromContext(r.Context())
	if !span.IsValid() && r.Header["Traceparent"] != nil { // the lookup of an absent one is not free
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		span = trace.SpanContextFromContext(ctx)
	}
	if !span.IsValid() {
		return ""
	}
	return span.TraceID().String()
}

// nameSpan gives the span that is around the engine, if one is, the name that only gin knows.
func nameSpan(c *gin.Context) {
	span := trace.SpanFromContext(c.Request.Context())
	if route := c.FullPath(); route != "" && span.IsRecording() {
		span.SetName(c.Request.Method + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
}
