package telemetry

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Around returns handler with a span around each request, except health probes. Names and attributes follow
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span; handler has to add what is known later,
// such as the status.
func (t *Tracing) Around(handler http.Handler) http.Handler {
	if t == nil {
		return handler
	}
	tracer := t.provider.Tracer("userorder/telemetry")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			handler.ServeHTTP(w, r)
			return
		}
		name, attributes := describe(r)
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
		defer span.End()
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}

// describe returns the name and the attributes of a span that are known before a request is handled.
func describe(r *http.Request) (name string, attributes []attribute.KeyValue) {
	name, attributes = method(r.Method)
	scheme, standard := "http", 80
	if r.TLS != nil {
		scheme, standard = "https", 443
	}
	attributes = append(attributes, semconv.URLScheme(scheme), semconv.NetworkProtocolVersion(strings.TrimPrefix(r.Proto, "HTTP/")))
	host, port := splitHostPort(r.Host)
	attributes = append(attributes, semconv.ServerAddress(valid(host)))
	if port > 0 && port != standard {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	if peer, port := splitHostPort(r.RemoteAddr); port > 0 {
		attributes = append(attributes, semconv.NetworkPeerAddress(peer), semconv.NetworkPeerPort(port))
	}
	if agent := r.UserAgent(); agent != "" {
		attributes = append(attributes, semconv.UserAgentOriginal(valid(agent)))
	}
	if r.ContentLength > 0 {
		attributes = append(attributes, semconv.HTTPRequestBodySize(int(r.ContentLength)))
	}
	return name, attributes
}

// method returns the name of a span whose route is unknown. A client can send any method, so those that HTTP does not
// define share one name.
func method(sent string) (name string, attributes []attribute.KeyValue) {
	switch sent {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return sent, []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(sent)}
	}
	return "HTTP", []attribute.KeyValue{semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(valid(sent))}
}

// valid returns text from a client as UTF-8. An exporter would drop all spans that it sends together with one that is not.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// splitHostPort returns port 0 if there is none.
func splitHostPort(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]"), 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, int(number)
}
