package order

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"userorder/webhook"
	"userorder/worker"
)

const (
	maxCalls     = 32 // at once, to one webhook from one process
	maxRetries   = 24 // of these, so that orders that hang leave room for others
	pollInterval = 250 * time.Millisecond
	callLease    = 25 * time.Second // much longer than a call, so that no event is sent twice at once
	stopGrace    = 5 * time.Second  // for calls under way

	// turnPause gathers calls that end, so that their outcomes share a transaction. It also bounds what webhooks take from
	// requests: maxCalls events in this time.
	turnPause = 20 * time.Millisecond

	// troubledPause is turnPause while all calls fail.
	troubledPause = 300 * time.Millisecond

	// settledFor is shorter than the promotion of a standby, which may have lost events and gives their ids to others.
	settledFor = time.Second

	giveUpAfter   = 72 * time.Hour
	forgetAfter   = 72 * time.Hour
	calmAfter     = time.Minute // a success so long after the last failure is logged as "works again"
	forgetEvery   = time.Hour
	retryInterval = time.Hour
)

// retryDelays are the pauses after the first failures of an event. retryInterval follows them.
var retryDelays = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// retryDelay returns the pause after a number of failures, ± 20 %.
func retryDelay(failures int) time.Duration {
	delay := retryInterval
	if failures <= len(retryDelays) {
		delay = retryDelays[failures-1]
	}
	return delay - delay/5 + rand.N(2*delay/5+1)
}

// dispatcher sends the events of all orders to one webhook, those of each order in turn. Dispatchers of other processes may
// do the same at once. One goroutine at a time may call run.
type dispatcher struct {
	store  *store
	now    func() time.Time
	to     webhook.Endpoint
	client *webhook.Client
	log    *slog.Logger
	id     atomic.Int64 // of the webhook in the database

	settled    int64     // events that may be sent, as far as known
	settledAt  time.Time // when settled was looked up
	position   int64     // of the webhook after the last turn
	retrying   int       // calls under way for events of which attempts have failed
	ended      []outcome // not recorded yet
	failures   int       // in a row
	troubles   int       // failures since "webhook fails" was logged; 0: "works again" was, or neither
	lastFailed time.Time

	delivered, failed, givenUp atomic.Int64 // events, attempts, events
}

// outcome is how a call ended.
type outcome struct {
	delivery
	at  time.Time
	err error // nil: the event was taken
}

// newDispatcher returns a dispatcher that is registered.
func newDispatcher(ctx context.Context, s *service, to webhook.Endpoint, client *webhook.Client, log *slog.Logger) (*dispatcher, error) {
	d := &dispatcher{
		store: s.store, now: s.now, to: to, client: client, log: log.With("webhook", to.String()),
	}
	return d, d.register(ctx)
}

// register notes that the webhook is in the settings, and where it begins if it is new.
func (d *dispatcher) register(ctx context.Context) error {
	id, err := d.store.addWebhook(ctx, d.to.Key(), d.to.String(), d.now())
	if err == nil {
		d.id.Store(id)
	}
	return err
}

func (d *dispatcher) job() worker.Job {
	return worker.Job{Name: "webhooks", Every: pollInterval, Do: d.run}
}

// run sends what is due, and what falls due meanwhile, until no call is under way: for as long as there is work, since a
// piece of bounded size would have to wait for calls that hang. When ctx ends it begins no more turns but one that records,
// and gives the calls under way stopGrace.
func (d *dispatcher) run(ctx context.Context) (more bool, err error) {
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cut) })()
	results := make(chan outcome, maxCalls)
	for underWay := 0; ; {
		var next []delivery
		next, err = d.turn(ctx, maxCalls-underWay)
		for _, n := range next {
			if n.attempts > 0 {
				d.retrying++
			}
			go func() { results <- d.call(calls, n) }()
		}
		underWay += len(next)
		if underWay == 0 {
			return err == nil && d.position < d.settled, err
		}
		underWay -= d.gather(results)
	}
}

// turn records the calls that have ended and returns up to free deliveries that are due, none if ctx has ended. It is not
// cut off when ctx ends: its outcome would be unknown, and with it who sends the events that it has leased.
func (d *dispatcher) turn(ctx context.Context, free int) ([]delivery, error) {
	if ctx.Err() != nil {
		free = 0
	}
	ctx = context.WithoutCancel(ctx)
	if free > 0 && (d.settled-d.position < maxCalls || d.now().Sub(d.settledAt) >= settledFor) { // else more is known than it can take
		if err := d.settle(ctx); err != nil {
			return nil, err
		}
	}
	if len(d.ended) == 0 {
		position, due, err := d.store.look(ctx, d.id.Load(), d.now())
		if err != nil {
			return nil, d.registerIfGone(ctx, err)
		}
		d.position = position
		if free == 0 || !due && position >= d.settled {
			return nil, nil
		}
	}
	next, position, err := d.store.take(ctx, d.plan(free))
	if err != nil {
		return nil, d.registerIfGone(ctx, err)
	}
	d.report()
	d.ended, d.position = nil, position
	return next, nil
}

// registerIfGone returns err, unless it means that the webhook is gone from the database: the process was stopped for longer
// than forgetAfter, and nothing waits any more.
func (d *dispatcher) registerIfGone(ctx context.Context, err error) error {
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	d.ended = nil
	return d.register(ctx)
}

func (d *dispatcher) settle(ctx context.Context) (err error) {
	d.settledAt = d.now()
	d.settled, err = d.store.db.Settled(ctx, "order_events")
	return err
}

// plan returns the turn that records what has ended.
func (d *dispatcher) plan(free int) turn {
	now := d.now()
	t := turn{
		webhook: d.id.Load(), number: 1 + rand.Int64N(math.MaxInt64), now: now, until: now.Add(callLease),
		settled: d.settled, free: free, retries: maxRetries - d.retrying,
	}
	for _, o := range d.ended {
		switch {
		case o.err == nil, o.isGivenUp():
			t.done = append(t.done, o.lease)
		case errors.Is(o.err, context.Canceled):
			t.released = append(t.released, o.lease)
		default:
			t.failed = append(t.failed, failedAttempt{o.lease, o.at, o.at.Add(retryDelay(o.attempts + 1)), o.err.Error()})
		}
	}
	return t
}

// isGivenUp reports whether the attempts of an event have failed for too long.
func (o outcome) isGivenUp() bool {
	return o.err != nil && !errors.Is(o.err, context.Canceled) && o.failingSince != 0 &&
		o.at.Sub(time.UnixMilli(o.failingSince)) >= giveUpAfter
}

// call sends an event, unless its lease has run out: the process was frozen, and somebody else may be sending it.
func (d *dispatcher) call(ctx context.Context, n delivery) outcome {
	switch now := d.now(); {
	case n.event.id == 0:
		return outcome{n, now, nil}
	case !now.Before(n.until):
		return outcome{n, now, context.Canceled}
	}
	err := d.client.Send(ctx, d.to, webhook.Message{ID: "evt_" + strconv.FormatInt(n.event.id, 10), Body: n.event.message()})
	return outcome{n, d.now(), err}
}

// gather moves the outcomes of calls that have ended to d.ended and returns their number. It takes a pause, and then waits
// for the first one if there is none, but not so long that a call that hangs would hold up what falls due meanwhile.
func (d *dispatcher) gather(results <-chan outcome) (count int) {
	pause := turnPause
	if d.failures >= maxCalls {
		pause = troubledPause
	}
	paused := time.After(pause)
	waited := time.After(pollInterval + pause)
	for {
		select {
		case o := <-results:
			d.ended = append(d.ended, o)
			if o.attempts > 0 {
				d.retrying--
			}
			if count++; paused == nil {
				return count
			}
		case <-paused:
			if count > 0 {
				return count
			}
			paused = nil
		case <-waited:
			return count
		}
	}
}

// report counts and logs the outcomes that were recorded.
func (d *dispatcher) report() {
	for _, o := range d.ended {
		switch {
		case errors.Is(o.err, context.Canceled) || o.event.id == 0:
		case o.err == nil:
			d.delivered.Add(1)
			d.failures = 0
			if d.troubles > 0 && o.at.Sub(d.lastFailed) >= calmAfter {
				d.log.Info("webhook works again", "failures", d.troubles)
				d.troubles = 0
			}
		default:
			d.failed.Add(1)
			d.failures++
			d.lastFailed = o.at
			if d.troubles++; d.troubles == 1 {
				d.log.Warn("webhook fails", "error", o.err)
			}
			if o.isGivenUp() {
				d.givenUp.Add(1)
				d.log.Error("webhook event given up", "order", o.event.order.ID, "event", o.event.id, "error", o.err)
			}
		}
	}
}
