package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// flushTimeout bounds the wait for the last spans to arrive.
const flushTimeout = 5 * time.Second

// Tracing sends a span of each request to a collector. OpenTelemetry reads its own settings from the environment.
// A nil *Tracing is off.
type Tracing struct {
	provider *sdktrace.TracerProvider
	log      *slog.Logger
}

// StartTracing makes the exporter, which connects once it has spans. Spans wait in a bounded queue and are dropped
// when it is full, so that no request ever waits. Version is that of the program.
func StartTracing(ctx context.Context, version string, log *slog.Logger) (*Tracing, error) {
	collector, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	service, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "userorder"),
			attribute.String("service.version", version)),
		resource.WithFromEnv()) // last, so that OTEL_RESOURCE_ATTRIBUTES wins
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &Tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(&exporter{SpanExporter: collector, log: log}), sdktrace.WithResource(service)),
		log: log,
	}, nil
}

// Close sends the spans that are left. It gives up after five seconds, which is not a failure of the service.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces are lost", "error", err.Error())
	}
}

// exporter logs the first failure in a row, so that a collector that is away does not fill the log. It hides
// failures from OpenTelemetry's handler, which is global.
type exporter struct {
	sdktrace.SpanExporter
	log    *slog.Logger
	failed atomic.Bool
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch failed := e.failed.Swap(err != nil); {
	case err != nil && !failed:
		e.log.Warn("traces are lost: the collector does not accept them", "error", err.Error())
	case err == nil && failed:
		e.log.Info("the collector accepts traces again")
	}
	return nil
}
