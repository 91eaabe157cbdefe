package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// flushTimeout is how long the end of the service waits for the last spans to arrive.
const flushTimeout = 5 * time.Second

// tracing sends a span of each request to a collector. OpenTelemetry reads its own settings from the environment;
// what is wrong with those of them that we know is said at the start. A nil *tracing is one that is off.
type tracing struct {
	provider *sdktrace.TracerProvider
	log      *slog.Logger
}

// newTracing makes the exporter, which connects when it has spans. They wait for it in a queue that drops what it
// has no room for, so that no request ever waits.
func newTracing(ctx context.Context, cfg Config, log *slog.Logger) (*tracing, error) {
	if !cfg.Traces {
		return nil, nil
	}
	collector, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "userorder"),
			attribute.String("service.version", readBuild().version)),
		resource.WithFromEnv()) // last, for it says it better
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(&exporter{SpanExporter: collector, log: log}), sdktrace.WithResource(service)),
		log: log,
	}, nil
}

// around puts a span around each request but those of probes, of which there are many and nobody asks.
func (t *tracing) around(handler http.Handler) http.Handler {
	if t == nil {
		return handler
	}
	return otelhttp.NewHandler(handler, "request",
		otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()), // metrics.go has them
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/healthz" && r.URL.Path != "/readyz" }))
}

// Close sends what there is and gives up after five seconds, which is no failure of the service.
func (t *tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces are lost", "error", err.Error())
	}
}

// exporter keeps failures from the handler that OpenTelemetry has for the whole process, and tells of the first
// one in a row alone: a collector that is away would fill the log.
type exporter struct {
	sdktrace.SpanExporter
	log    *slog.Logger
	failed atomic.Bool
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch failed := e.failed.Swap(err != nil); {
	case err != nil && !failed:
		e.log.Warn("traces are lost: the collector does not take them", "error", err.Error())
	case err == nil && failed:
		e.log.Info("the collector takes traces again")
	}
	return nil
}
