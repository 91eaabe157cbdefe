package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"userorder/database"
	"userorder/httpapi"
)

// metrics is what Prometheus is told. The floors hand out plain numbers; only this file knows how they are called.
// A nil *metrics counts nothing and costs nothing.
type metrics struct {
	registry *prometheus.Registry

	inFlight  prometheus.Gauge
	requests  *prometheus.CounterVec   // by method, route and status
	durations *prometheus.HistogramVec // by method and route
	throttled *prometheus.CounterVec   // by limit
}

// seconds has a bucket for a read from memory and one for a client that has given up.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(b build) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "userorder_http_requests_in_flight", Help: "Requests that have no answer yet.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userorder_http_requests_total", Help: "Requests that were answered.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "userorder_http_request_duration_seconds", Help: "Time from a request's header to its answer.",
			Buckets: seconds,
		}, []string{"method", "route"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userorder_http_requests_throttled_total", Help: "Requests that were over a limit, by the limit.",
		}, []string{"limit"}),
	}
	for _, limit := range []string{"requests", "logins", "registrations", "failures"} {
		m.throttled.WithLabelValues(limit) // 0 is an answer, too
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "userorder_build_info", Help: "What the program was built from. Always 1.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "goversion": b.goVersion},
	})
	info.Set(1)
	m.registry.MustRegister(
		m.inFlight, m.requests, m.durations, m.throttled, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// observer returns what httpapi tells of requests, or nil.
func (m *metrics) observer() func(httpapi.Answered) {
	if m == nil {
		return nil
	}
	return func(a httpapi.Answered) {
		m.requests.WithLabelValues(a.Method, a.Route, strconv.Itoa(a.Status)).Inc()
		m.durations.WithLabelValues(a.Method, a.Route).Observe(a.Took.Seconds())
		if a.Limit != "" {
			m.throttled.WithLabelValues(a.Limit).Inc()
		}
	}
}

// around counts the requests that are inside of handler.
func (m *metrics) around(handler http.Handler) http.Handler {
	if m == nil {
		return handler
	}
	return promhttp.InstrumentHandlerInFlight(m.inFlight, handler)
}

// committed returns what database tells of the groups of the SQLite file that modules share, or nil.
func (m *metrics) committed(modules string) func(int, time.Duration) {
	if m == nil {
		return nil
	}
	labels := prometheus.Labels{"modules": modules}
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "userorder_commit_group_writes", Help: "Writes that shared one commit of SQLite.",
		ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(1, 2, 9), // 256 is the most
	})
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "userorder_commit_duration_seconds", Help: "Time from the first write of a group until the disk has it.",
		ConstLabels: labels, Buckets: seconds,
	})
	m.registry.MustRegister(sizes, durations)
	return func(writes int, took time.Duration) {
		sizes.Observe(float64(writes))
		durations.Observe(took.Seconds())
	}
}

// watchDatabase shows the pool of the database that modules share. Databases are told apart by their modules
// and not by their URLs, which are not for everybody and may differ in what is not shown alone.
func (m *metrics) watchDatabase(modules string, db *database.DB) {
	if m == nil {
		return
	}
	labels := prometheus.Labels{"modules": modules}
	for _, gauge := range []struct {
		name, help string
		value      func(database.Stats) int
	}{
		{"in_use", "Connections that are at work.", func(s database.Stats) int { return s.InUse }},
		{"idle", "Connections that are open and wait for work.", func(s database.Stats) int { return s.Idle }},
		{"max", "Connections that there may be.", func(s database.Stats) int { return s.Max }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "userorder_database_connections_" + gauge.name, Help: gauge.help, ConstLabels: labels},
			func() float64 { return float64(gauge.value(db.Stats())) }))
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_database_waits_total", Help: "How often there was no connection at once.", ConstLabels: labels,
		}, func() float64 { return float64(db.Stats().Waits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_database_wait_seconds_total", Help: "Time spent waiting for a connection.", ConstLabels: labels,
		}, func() float64 { return db.Stats().Waited.Seconds() }))
}

// watchHashing shows how many passwords are hashed, and how many wait for that.
func (m *metrics) watchHashing(load func() (running, queued int)) {
	if m == nil {
		return
	}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userorder_password_hashes_running", Help: "Passwords that are being hashed.",
		}, func() float64 { running, _ := load(); return float64(running) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userorder_password_hashes_queued", Help: "Passwords that wait to be hashed.",
		}, func() float64 { _, queued := load(); return float64(queued) }))
}
