package telemetry

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"userorder/httpapi"
)

// Metrics collects what Prometheus scrapes. The other packages hand out plain numbers; their names are here alone.
// A nil *Metrics counts nothing and costs nothing.
type Metrics struct {
	registry *prometheus.Registry

	inFlight  prometheus.Gauge
	requests  *prometheus.CounterVec   // by method, route, status and code
	durations *prometheus.HistogramVec // by method and route
	throttled *prometheus.CounterVec   // by limit

	jobRuns, jobFailures *prometheus.CounterVec // by job
	jobDurations         *prometheus.HistogramVec
}

// seconds are buckets from a read from memory to a client that has given up.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics returns metrics of a program that was built from b.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "userorder_http_requests_in_flight", Help: "Requests that are being served.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userorder_http_requests_total", Help: "Requests that were served. The code is 1 for a business failure, such as a wrong password.",
		}, []string{"method", "route", "status", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "userorder_http_request_duration_seconds", Help: "Time from a request's header to the end of its response.",
			Buckets: seconds,
		}, []string{"method", "route"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userorder_http_requests_throttled_total", Help: "Requests that exceeded a limit, by the limit.",
		}, []string{"limit"}),
	}
	m.jobRuns = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "userorder_job_runs_total", Help: "Runs of a background job.",
	}, []string{"job"})
	m.jobFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "userorder_job_failures_total", Help: "Runs of a background job that failed.",
	}, []string{"job"})
	m.jobDurations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "userorder_job_duration_seconds", Help: "Time that a run of a background job took.", Buckets: seconds,
	}, []string{"job"})
	for _, limit := range []string{"requests", "logins", "registrations", "failures"} {
		m.throttled.WithLabelValues(limit) // so that 0 is shown
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "userorder_build_info", Help: "What the program was built from; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.GoVersion},
	})
	info.Set(1)
	m.registry.MustRegister(
		m.inFlight, m.requests, m.durations, m.throttled, m.jobRuns, m.jobFailures, m.jobDurations, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	})
}

// Observer returns a function that counts requests, or nil.
func (m *Metrics) Observer() func(httpapi.Answered) {
	if m == nil {
		return nil
	}
	return func(a httpapi.Answered) {
		m.requests.WithLabelValues(a.Method, a.Route, strconv.Itoa(a.Status), strconv.Itoa(a.Code)).Inc()
		m.durations.WithLabelValues(a.Method, a.Route).Observe(a.Took.Seconds())
		if a.Limit != "" {
			m.throttled.WithLabelValues(a.Limit).Inc()
		}
	}
}

// Around returns handler with a count of the requests that are inside it.
func (m *Metrics) Around(handler http.Handler) http.Handler {
	if m == nil {
		return handler
	}
	return promhttp.InstrumentHandlerInFlight(m.inFlight, handler)
}

// Committed returns a function that observes the commit groups of the database that modules share, or nil.
func (m *Metrics) Committed(modules string) func(writes int, took time.Duration) {
	if m == nil {
		return nil
	}
	labels := prometheus.Labels{"modules": modules}
	sizes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "userorder_commit_group_writes", Help: "Writes that shared one commit.",
		ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(1, 2, 9), // 256 is the most
	})
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "userorder_commit_duration_seconds", Help: "Time from the first write of a group until it is on disk.",
		ConstLabels: labels, Buckets: seconds,
	})
	m.registry.MustRegister(sizes, durations)
	return func(writes int, took time.Duration) {
		sizes.Observe(float64(writes))
		durations.Observe(took.Seconds())
	}
}

// Pool describes a pool of connections. It has the fields of database.Stats, so that main can convert one to the other.
type Pool struct {
	InUse, Idle, Max int
	Waits            int64
	Waited           time.Duration
}

// WatchPool exports the pool of the database that modules share.
func (m *Metrics) WatchPool(modules string, pool func() Pool) {
	if m == nil {
		return
	}
	labels := prometheus.Labels{"modules": modules}
	for _, gauge := range []struct {
		name, help string
		value      func(Pool) int
	}{
		{"in_use", "Connections in use.", func(p Pool) int { return p.InUse }},
		{"idle", "Idle connections.", func(p Pool) int { return p.Idle }},
		{"max", "The maximum number of connections.", func(p Pool) int { return p.Max }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "userorder_database_connections_" + gauge.name, Help: gauge.help, ConstLabels: labels},
			func() float64 { return float64(gauge.value(pool())) }))
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_database_waits_total", Help: "How often a connection had to be waited for.", ConstLabels: labels,
		}, func() float64 { return float64(pool().Waits) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_database_wait_seconds_total", Help: "Time spent waiting for a connection.", ConstLabels: labels,
		}, func() float64 { return pool().Waited.Seconds() }))
}

// WatchLog exports how many log lines nobody got.
func (m *Metrics) WatchLog(lost func() int64) {
	if m == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "userorder_log_lines_lost_total", Help: "Log lines that were dropped because nobody read them.",
	}, func() float64 { return float64(lost()) }))
}

// JobRan counts a run of a background job. Err is why it failed, or nil.
func (m *Metrics) JobRan(job string, took time.Duration, err error) {
	if m == nil {
		return
	}
	m.jobRuns.WithLabelValues(job).Inc()
	m.jobDurations.WithLabelValues(job).Observe(took.Seconds())
	failures := m.jobFailures.WithLabelValues(job) // 0 is shown, too
	if err != nil {
		failures.Inc()
	}
}

// Mails counts mails. It has the fields of mail.Stats, so that main can convert one to the other.
type Mails struct {
	Sent, Failed int64
	Waiting      int
}

// WatchMails exports what becomes of mails.
func (m *Metrics) WatchMails(mails func() Mails) {
	if m == nil {
		return
	}
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_mails_sent_total", Help: "Mails that the mail server took.",
		}, func() float64 { return float64(mails().Sent) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "userorder_mails_failed_total", Help: "Mails that were refused or given up.",
		}, func() float64 { return float64(mails().Failed) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userorder_mails_waiting", Help: "Mails that wait to be sent.",
		}, func() float64 { return float64(mails().Waiting) }))
}

// WatchBackups exports when the last backup of the database that modules share was begun, in Unix time, 0 for never.
func (m *Metrics) WatchBackups(modules string, last func() int64) {
	if m == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "userorder_backup_last_success_timestamp_seconds", Help: "When the last whole backup was begun; 0 if there is none.",
		ConstLabels: prometheus.Labels{"modules": modules},
	}, func() float64 { return float64(last()) }))
}

// WatchSessions exports how many ended sessions have tokens that have not expired.
func (m *Metrics) WatchSessions(ended func() int) {
	if m == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "userorder_sessions_ended", Help: "Sessions that have ended while tokens of theirs have not expired.",
	}, func() float64 { return float64(ended()) }))
}

// WatchHashing exports the queue of password hashes.
func (m *Metrics) WatchHashing(load func() (running, queued int)) {
	if m == nil {
		return
	}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userorder_password_hashes_running", Help: "Passwords being hashed.",
		}, func() float64 { running, _ := load(); return float64(running) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userorder_password_hashes_queued", Help: "Passwords waiting to be hashed.",
		}, func() float64 { _, queued := load(); return float64(queued) }))
}
