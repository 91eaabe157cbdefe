package main

import (
	"context"
	"log/slog"

	"userorder/order"
	"userorder/telemetry"
	"userorder/webhook"
)

// newWebhooks returns the configuration of the webhooks, of which there may be none.
func (s *service) newWebhooks(cfg Webhooks, log *slog.Logger) order.Webhooks {
	if len(cfg.Endpoints) > 0 {
		s.webhooks = webhook.NewClient(cfg.Secrets...)
	}
	return order.Webhooks{Endpoints: cfg.Endpoints, Client: s.webhooks, Log: log}
}

// watchWebhooks exports what becomes of the events of webhooks.
func (s *service) watchWebhooks(orders *order.Module) {
	s.metrics.WatchWebhooks(func(ctx context.Context) (list []telemetry.Webhook, err error) {
		stats, err := orders.Webhooks(ctx)
		for _, w := range stats {
			list = append(list, telemetry.Webhook(w))
		}
		return list, err
	})
}
