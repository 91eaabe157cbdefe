package telemetry

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestARequestIsInFlightUntilItIsAnswered(t *testing.T) {
	m := NewMetrics(Build{})
	var inside float64
	handler := m.Around(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside = testutil.ToFloat64(m.inFlight) }))
	httpapitest.Call(handler, "GET /", "", "")
	require.InDelta(t, 1, inside, 0)
	require.InDelta(t, 0, testutil.ToFloat64(m.inFlight), 0)
}

func TestTheNamesOfAllMetricsFollowTheRulesOfPrometheus(t *testing.T) {
	m := NewMetrics(Build{})
	m.Committed("user")(1, time.Second)
	m.WatchPool("user", func() Pool { return Pool{} })
	m.WatchHashing(func() (running, queued int) { return 0, 0 })
	m.WatchLog(func() int64 { return 0 })
	m.WatchWebhooks(func(context.Context) ([]Webhook, error) { return []Webhook{{URL: "https://shop.example/"}}, nil })
	m.JobRan("sweep", time.Second, nil)
	m.Observer()(httpapi.Answered{Method: "GET", Route: "/", Status: 200})
	problems, err := testutil.GatherAndLint(m.registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTheRunsOfAJobAreCounted(t *testing.T) {
	m := NewMetrics(Build{})
	m.JobRan("sweep", time.Second, nil)
	require.InDelta(t, 0, testutil.ToFloat64(m.jobFailures.WithLabelValues("sweep")), 0)
	m.JobRan("sweep", time.Second, errors.New("no"))
	require.InDelta(t, 2, testutil.ToFloat64(m.jobRuns.WithLabelValues("sweep")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.jobFailures.WithLabelValues("sweep")), 0)
	require.Equal(t, 1, testutil.CollectAndCount(m.jobDurations))
}

func TestWhatAProcessCountsOfWebhooksNeedsNoDatabase(t *testing.T) {
	var failure error
	m := NewMetrics(Build{})
	m.WatchWebhooks(func(context.Context) ([]Webhook, error) {
		return []Webhook{{URL: "https://shop.example/a"}, {URL: "https://shop.example/b"}}, failure
	})
	count := func() int {
		count, err := testutil.GatherAndCount(m.registry, "userorder_webhook_events_delivered_total",
			"userorder_webhook_attempts_failed_total", "userorder_webhook_events_given_up_total",
			"userorder_webhook_events_waiting", "userorder_webhook_oldest_event_seconds")
		require.NoError(t, err)
		return count
	}
	require.Equal(t, 10, count())
	failure = errors.New("no database")
	require.Equal(t, 6, count())
}

func TestWhatIsOffIsNotInTheWay(t *testing.T) {
	t.Parallel()
	var off *Metrics
	var none *Tracing
	handler := http.NewServeMux()
	require.Same(t, handler, off.Around(none.Around(handler)))
	require.Nil(t, off.Observer())
	require.Nil(t, off.Committed("user"))
	off.JobRan("sweep", time.Second, nil)
	none.Close()
}
