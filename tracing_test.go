package main

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"userorder/database/databasetest"
)

// traceCollector keeps the spans that it is sent, and answers with a status.
type traceCollector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   map[string]*tracepb.Span // by name
	service string
}

func newTraceCollector(t *testing.T, status int) *traceCollector {
	c := &traceCollector{spans: map[string]*tracepb.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &sent); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		c.keep(&sent)
		w.WriteHeader(status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *traceCollector) keep(sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				c.service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans[span.GetName()] = span
			}
		}
	}
}

// traced runs the service while use sends requests to it, and returns what it has written.
func traced(t *testing.T, settings map[string]string, use func(base string)) (log string) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	env := map[string]string{
		"DATABASE_URL": databasetest.SQLite(t), "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s",
		"JWT_SECRET": strings.Repeat("s", 32),
	}
	for name, value := range settings {
		env[name] = value
		t.Setenv(name, value) // which OpenTelemetry reads
	}
	var stdout output
	result := make(chan error, 1)
	go func() { result <- run(ctx, nil, environment(env), &stdout) }()
	use(stdout.baseURL(t))
	stop()
	select {
	case err := <-result:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "it does not stop")
	}
	return stdout.String()
}

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceParent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func TestASpanOfEachRequestReachesTheCollectorBeforeTheEnd(t *testing.T) {
	c := newTraceCollector(t, 200)
	log := traced(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}, func(base string) {
		r, err := http.NewRequest("GET", base+"/order/query/17", nil)
		require.NoError(t, err)
		r.Header.Set("Traceparent", traceParent)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		for _, line := range []string{"POST /user/login", "GET /nothing", "GET /healthz"} {
			call(t, base, line, "", "{}")
		}
	})
	require.Contains(t, log, "traces=on")
	require.Regexp(t, `path=/order/query/17 .* trace=`+traceID+` `, log)
	require.Regexp(t, `path=/user/login .* trace=[0-9a-f]{32} `, log, "a trace of our own")
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Equal(t, "userorder", c.service)
	require.Len(t, c.spans, 3, "and none of the probe")
	require.Contains(t, c.spans, "POST /user/login")
	require.Contains(t, c.spans, "GET")
	query := c.spans["GET /order/query/:orderid"]
	require.NotNil(t, query)
	require.Equal(t, traceID, hex.EncodeToString(query.GetTraceId()))
	require.Equal(t, "00f067aa0ba902b7", hex.EncodeToString(query.GetParentSpanId()))
	require.NotContains(t, query.String(), "Bearer")
}

func TestOpenTelemetrysOwnSettingsCount(t *testing.T) {
	c := newTraceCollector(t, 200)
	traced(t, map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/v1/traces", "OTEL_SERVICE_NAME": "shop",
	}, func(base string) { call(t, base, "GET /user/info", "", "") })
	require.Equal(t, "shop", c.service)

	silent := newTraceCollector(t, 200)
	log := traced(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": silent.URL, "OTEL_SDK_DISABLED": "true"},
		func(base string) { call(t, base, "GET /user/info", "", "") })
	require.Contains(t, log, "traces=off")
	require.Empty(t, silent.spans)
}

func TestACollectorThatIsAwayIsWarnedOfOnceAndHarmsNoRequest(t *testing.T) {
	refusing := newTraceCollector(t, 400)
	gone := newTraceCollector(t, 200)
	gone.Close()
	for _, c := range []*traceCollector{refusing, gone} {
		log := traced(t, map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_BSP_SCHEDULE_DELAY": "20", // ms, so that it fails often
		}, func(base string) {
			began := time.Now()
			for range 20 {
				require.Equal(t, 401, first(call(t, base, "GET /order/query/1", "", "")))
				time.Sleep(10 * time.Millisecond)
			}
			require.Less(t, time.Since(began), 3*time.Second)
		})
		require.Equal(t, 1, strings.Count(log, "traces are lost"), log)
	}
}

// attributes returns those of a span as text.
func attributes(span *tracepb.Span) map[string]string {
	texts := map[string]string{}
	for _, attribute := range span.GetAttributes() {
		switch value := attribute.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_IntValue:
			texts[attribute.GetKey()] = strconv.FormatInt(value.IntValue, 10)
		case *commonpb.AnyValue_StringValue:
			texts[attribute.GetKey()] = value.StringValue
		}
	}
	return texts
}

func TestASpanDescribesItsRequestByTheConventionsForHTTP(t *testing.T) {
	c := newTraceCollector(t, 200)
	send := func(method, base, forwarded string) {
		r, err := http.NewRequest(method, base+"/user/login?a=b", strings.NewReader(`{"username":"x"}`))
		require.NoError(t, err)
		r.Header = http.Header{"User-Agent": {"a \xff test"}, "X-Forwarded-For": {forwarded}, "Content-Type": {"application/json"}}
		r.Host = "shop.example"
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	traced(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}, func(base string) {
		send("POST", base, "203.0.113.9")
		send("BREW", base, "203.0.113.9")
	})
	expected := map[string]string{
		"http.request.method": "POST", "http.route": "/user/login", "url.path": "/user/login", "url.scheme": "http",
		"http.response.status_code": "400", "userorder.code": "400", "user_agent.original": "a \uFFFD test",
		"http.request.body.size": "16", "http.response.body.size": "99", "network.protocol.version": "1.1",
		"server.address": "shop.example", "network.peer.address": "127.0.0.1",
		"client.address": "127.0.0.1", // anybody can send an X-Forwarded-For
	}
	login := c.spans["POST /user/login"]
	require.Equal(t, tracepb.Span_SPAN_KIND_SERVER, login.GetKind())
	require.Equal(t, tracepb.Status_STATUS_CODE_UNSET, login.GetStatus().GetCode(), "a client's mistake")
	sent := attributes(login)
	delete(sent, "network.peer.port")
	require.Equal(t, expected, sent)

	unknown := attributes(c.spans["HTTP"])
	require.Equal(t, "_OTHER", unknown["http.request.method"])
	require.Equal(t, "BREW", unknown["http.request.method_original"])
	require.Equal(t, "405", unknown["http.response.status_code"])

	behind := newTraceCollector(t, 200)
	traced(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": behind.URL, "TRUSTED_PROXIES": "127.0.0.1"}, func(base string) {
		send("POST", base, "203.0.113.9")
	})
	require.Equal(t, "203.0.113.9", attributes(behind.spans["POST /user/login"])["client.address"])
}
