package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
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
	status := c.Writer.Status()
	span.SetAttributes(
		attribute.Int("userorder.code", x.code), semconv.URLPath(strings.ToValidUTF8(loggedPath(c), "\uFFFD")), semconv.HTTPResponseStatusCode(status))
	if client := ClientAddress(c); client != "" {
		span.SetAttributes(semconv.ClientAddress(client))
	}
	if size := c.Writer.Size(); size > 0 {
		span.SetAttributes(semconv.HTTPResponseBodySize(size))
	}
	if route := c.FullPath(); route != "" {
		span.SetName(c.Request.Method + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	if status >= http.StatusInternalServerError {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
	if x.aborted || status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}
