package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"userorder/bench/contender"
	"userorder/bench/load"
	"userorder/bench/process"
	"userorder/bench/receiver"
	"userorder/bench/report"
	"userorder/bench/work"
)

// Names of the work with webhooks in the report. They begin with it, since a pattern for creates need not start their services.
const (
	hooked   = "webhook: create"
	unhooked = "webhook: create, without one"
	sent     = "webhook: events"
)

func waitingFor(s size) string { return hooked + ", " + s.name + " events waiting" }

func unhookedAt(s size) string { return unhooked + ", " + s.name + " orders" }

// calls is how many calls the service has under way at once to a webhook.
const calls = 32

// webhooks lists creates without and with a webhook, the events that are sent to it, and creates while all events wait for a
// receiver that is down.
func (w *world) webhooks() (all []measurement) {
	for _, e := range w.engines() {
		h, waiting := &e.webhook, w.options.waiting
		without := w.on(e.name, unhooked, crowds[2], always(h.without), work.Create(w.tokens, &work.Made{}))
		with := w.on(e.name, hooked, crowds[2], always(h.with), work.Create(w.tokens, &h.made))
		with.after = h.arrive // the next measurement would compete with the events that are left
		events := measurement{
			Key: report.Key{Contender: e.name, Work: sent, Clients: calls},
			count: func(ctx context.Context, _ time.Duration) (report.Sample, error) {
				return h.events(ctx, w.tokens, w.options.backlog)
			},
		}
		all = append(all, without, with, events,
			w.down(e, unhookedAt(waiting), func(ctx context.Context) error { return h.startDown(ctx) }),
			w.down(e, waitingFor(waiting), func(ctx context.Context) error {
				if err := h.startDown(ctx, hookTo(w.nobody)...); err != nil {
					return err
				}
				return work.Waiting(ctx, h.down.Address, w.staff, waiting.orders)
			}))
	}
	return all
}

// down is a measurement of creates on the database whose events wait. Its service runs only then, since it would go on trying
// to send them during the other measurements.
func (w *world) down(e *engine, name string, start func(context.Context) error) measurement {
	m := w.on(e.name, name, crowds[2], func() *contender.Server { return e.webhook.down }, work.Create(w.tokens, &work.Made{}))
	m.before = start
	m.after = func(context.Context) error { return e.webhook.down.Process.Stop() }
	return m
}

// events has the receiver hold the calls while orders are created, and measures from its release until it has all events.
func (h *webhook) events(ctx context.Context, tokens work.Tokens, orders int) (sample report.Sample, err error) {
	const crowd, limit = 64, time.Minute
	if err := receiver.Hold(ctx, h.receiver.Address); err != nil {
		return report.Sample{}, err
	}
	create := load.Limit(work.Create(tokens, &h.made), orders)
	if _, err := (load.Load{Address: h.with.Address, Scripts: scripts(crowd, create), For: limit}).Run(ctx); err != nil {
		return report.Sample{}, err
	}
	before, err := receiver.Taken(ctx, h.receiver.Address)
	if err != nil {
		return report.Sample{}, err
	}
	used, began := process.CPU(h.with.Processes()...), time.Now()
	if err := errors.Join(h.with.Process.ResetPeak(), receiver.Release(ctx, h.receiver.Address), h.arrive(ctx)); err != nil {
		return report.Sample{}, err
	}
	took, events := time.Since(began), h.made.Len()-before
	if events == 0 {
		return report.Sample{}, errors.New("the receiver answered calls while it held them")
	}
	sample = report.Sample{
		Rate: float64(events) / took.Seconds(), Requests: events,
		CPU: (process.CPU(h.with.Processes()...) - used) / time.Duration(events),
	}
	sample.Memory, err = h.with.Process.Memory()
	return sample, err
}

// arrive waits until the receiver has the event of each order. It fails if none arrives for longer than the service needs
// for two more tries, or if there are more events than orders.
func (h *webhook) arrive(ctx context.Context) error {
	const pause, patience = 10 * time.Millisecond, 45 * time.Second
	want, last, since := h.made.Len(), -1, time.Now()
	for {
		taken, err := receiver.Taken(ctx, h.receiver.Address)
		switch {
		case err != nil:
			return err
		case taken == want:
			return nil
		case taken > want:
			return fmt.Errorf("%d events arrived of %d orders", taken, want)
		case taken > last:
			last, since = taken, time.Now()
		case time.Since(since) > patience:
			return fmt.Errorf("%d of %d events did not arrive", want-taken, want)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
