package telemetry

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Webhook describes a webhook. It has the fields of order.WebhookStats, so that main can convert one to the other.
type Webhook struct {
	URL                        string
	Delivered, Failed, GivenUp int64
	Waiting                    int64
	Oldest                     time.Duration
}

// WatchWebhooks exports what becomes of the events of webhooks. Each scrape calls list, with a context of 3 seconds. If it
// fails, the scrape has the counters alone.
func (m *Metrics) WatchWebhooks(list func(context.Context) ([]Webhook, error)) {
	if m == nil {
		return
	}
	m.registry.MustRegister(&webhookCollector{list})
}

const webhookTimeout = 3 * time.Second

// webhookMetrics are the metrics of one webhook.
var webhookMetrics = []struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(Webhook) float64
}{
	{webhookDesc("events_delivered_total", "Events that the receiver took from this process."), prometheus.CounterValue,
		func(w Webhook) float64 { return float64(w.Delivered) }},
	{webhookDesc("attempts_failed_total", "Attempts of this process to deliver an event that failed."), prometheus.CounterValue,
		func(w Webhook) float64 { return float64(w.Failed) }},
	{webhookDesc("events_given_up_total", "Events that this process gave up."), prometheus.CounterValue,
		func(w Webhook) float64 { return float64(w.GivenUp) }},
	{webhookDesc("events_waiting", "Events that the receiver has not taken."), prometheus.GaugeValue,
		func(w Webhook) float64 { return float64(w.Waiting) }},
	{webhookDesc("oldest_event_seconds", "Age of the oldest event that the receiver has not taken."), prometheus.GaugeValue,
		func(w Webhook) float64 { return w.Oldest.Seconds() }},
}

func webhookDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("userorder_webhook_"+name, help, []string{"webhook", "url"}, nil)
}

// webhookCollector asks for the webhooks at each scrape.
type webhookCollector struct {
	list func(context.Context) ([]Webhook, error)
}

// Describe implements prometheus.Collector.
func (c *webhookCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, metric := range webhookMetrics {
		descriptions <- metric.description
	}
}

// Collect implements prometheus.Collector.
func (c *webhookCollector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), webhookTimeout)
	defer cancel()
	list, err := c.list(ctx)
	for i, w := range list {
		for _, metric := range webhookMetrics {
			if err != nil && metric.kind == prometheus.GaugeValue {
				continue
			}
			metrics <- prometheus.MustNewConstMetric(metric.description, metric.kind, metric.value(w), strconv.Itoa(i+1), w.URL)
		}
	}
}
