package order

import (
	"context"
	"log/slog"
	"time"

	"userorder/webhook"
	"userorder/worker"
)

// Webhooks configures which receivers learn of events.
type Webhooks struct {
	Endpoints []webhook.Endpoint
	Client    *webhook.Client
	Log       *slog.Logger
}

// WebhookStats describes one webhook.
type WebhookStats struct {
	URL                        string // without what may be a credential
	Delivered, Failed, GivenUp int64  // events, attempts and events of this process
	Waiting                    int64  // events of all processes
	Oldest                     time.Duration
}

// webhooks is all webhooks of this process's settings.
type webhooks struct {
	service     *service
	log         *slog.Logger
	dispatchers []*dispatcher
}

func newWebhooks(ctx context.Context, s *service, cfg Webhooks) (w webhooks, err error) {
	w = webhooks{service: s, log: cfg.Log}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, to := range cfg.Endpoints {
		d, err := newDispatcher(ctx, s, to, cfg.Client, w.log)
		if err != nil {
			return webhooks{}, err
		}
		w.dispatchers = append(w.dispatchers, d)
	}
	return w, nil
}

func (w *webhooks) jobs() []worker.Job {
	jobs := []worker.Job{{Name: "webhooks_forgotten", Every: forgetEvery, Do: w.forget}}
	for _, d := range w.dispatchers {
		jobs = append(jobs, d.job())
	}
	return jobs
}

// forget deletes what waits for webhooks that no process has had in its settings for a while.
func (w *webhooks) forget(ctx context.Context) (more bool, err error) {
	now := w.service.now()
	for _, d := range w.dispatchers {
		if err := d.register(ctx); err != nil {
			return false, err
		}
	}
	urls, more, err := w.service.store.forgetWebhooks(ctx, now.Add(-forgetAfter))
	for _, url := range urls {
		w.log.Info("webhook forgotten", "webhook", url)
	}
	return more, err
}

// shownWebhook is a webhook as clients see it.
type shownWebhook struct {
	URL string `json:"url"`
	backlog
}

// list returns all webhooks and what waits for each.
func (w *webhooks) list(ctx context.Context) ([]shownWebhook, error) {
	list := []shownWebhook{}
	for _, d := range w.dispatchers {
		b, err := w.service.store.backlog(ctx, d.id.Load())
		if err != nil {
			return nil, err
		}
		list = append(list, shownWebhook{d.to.String(), b})
	}
	return list, nil
}

// retry makes due all that waits.
func (w *webhooks) retry(ctx context.Context) error {
	for _, d := range w.dispatchers {
		if err := w.service.store.hasten(ctx, d.id.Load(), w.service.now()); err != nil {
			return err
		}
	}
	return nil
}

// stats returns what is known even if the database fails: then Waiting and Oldest may be 0.
func (w *webhooks) stats(ctx context.Context) (stats []WebhookStats, err error) {
	for _, d := range w.dispatchers {
		s := WebhookStats{URL: d.to.String(), Delivered: d.delivered.Load(), Failed: d.failed.Load(), GivenUp: d.givenUp.Load()}
		if err == nil {
			var b backlog
			b, err = w.service.store.backlog(ctx, d.id.Load())
			s.Waiting = b.Waiting
			if b.Oldest != nil {
				s.Oldest = w.service.now().Sub(b.Oldest.Time)
			}
		}
		stats = append(stats, s)
	}
	return stats, err
}
