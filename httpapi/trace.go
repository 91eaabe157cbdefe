package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceOf returns the trace id of a request, or "" if it has none: the id of the span around the engine, else the one
// that the client or a proxy sent (https://www.w3.org/TR/trace-context/#traceparent-header).
func traceOf(r *http.Request) string {
	span := trace.SpanContextFromContext(r.Context())
	if !span.IsValid() && r.Header["Traceparent"] != nil { // Extract is not free even without the header
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		span = trace.SpanContextFromContext(ctx)
	}
	if !span.IsValid() {
		return ""
	}
	return span.TraceID().String()
}

// describe completes the span around the engine, if any, by what is known to the engine alone.
func (x *exchange) describe(c *gin.Context) {
	span := trace.SpanFromContext(c.Request.Context())
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int("userorder.code", x.code), attribute.String("url.path", loggedPath(c)))
	if route := c.FullPath(); route != "" {
		span.SetName(c.Request.Method + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
}
