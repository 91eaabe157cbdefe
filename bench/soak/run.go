package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Result is what came of a run.
type Result struct {
	Plan     Plan
	Elapsed  time.Duration // less than the time of the plan if the run was broken off
	Findings []Finding
	Failures []string // what makes the run a failure: wrong responses, lost events, failed jobs, growth

	control *record
	shops   []*shop // in the order of databases
	samples *samples
	bases   []Database
}

// Run registers customers on all databases, serves them for the time of the plan, and waits until the receivers have all
// events. Control is the address of a server that does nothing. Say gets what happens. An error means that the load did not
// begin. What is wrong later is in Failures, also that ctx or a process has ended.
func Run(ctx context.Context, plan Plan, secret, control string, databases []Database, say func(format string, args ...any)) (*Result, error) {
	r := &Result{Plan: plan, bases: databases}
	for _, d := range databases {
		var addresses []string
		for _, p := range d.Processes {
			addresses = append(addresses, p.Address)
		}
		r.shops = append(r.shops, newShop(plan, secret, addresses))
	}
	say("register %d customers on each database", plan.customers())
	if err := r.each(func(i int) error { return r.shops[i].open(ctx) }); err != nil {
		return nil, err
	}
	say("serve them for %v", plan.Time)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sampling sync.WaitGroup
	stop := make(chan struct{})
	r.samples = &samples{began: time.Now(), series: map[string][]*Series{}, cpu: map[string]time.Duration{}}
	r.control = newRecord(plan)
	for _, s := range r.shops {
		s.record = newRecord(plan) // without what opened the shop
	}
	sampling.Go(func() { r.compare(ctx, control, stop) })
	sampling.Go(func() {
		if err := r.watch(ctx, stop, say); err != nil {
			cancel(err)
		}
	})
	err := r.each(func(i int) error {
		err := r.shops[i].trade(ctx)
		if err != nil {
			cancel(err)
		}
		return err
	})
	close(stop)
	sampling.Wait()
	r.Elapsed = min(plan.Time, time.Since(r.samples.began))
	if err == nil {
		say("wait until the receivers have all events")
		err = r.each(func(i int) error { return r.drain(ctx, i) })
	}
	if err != nil {
		r.Failures = append(r.Failures, fmt.Sprintf("broken off after %v: %v", r.Elapsed.Truncate(time.Second), cmp.Or(context.Cause(ctx), err)))
	}
	r.judge()
	return r, nil
}

// Judged reports whether the run was long enough to look for growth.
func (r *Result) Judged() bool { return r.Elapsed >= judged }

// each calls a function for all databases at the same time.
func (r *Result) each(do func(i int) error) error {
	errs := make([]error, len(r.bases))
	var group sync.WaitGroup
	for i := range r.bases {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// watch samples until stop is closed, and says how it goes about every twentieth part of the time.
func (r *Result) watch(ctx context.Context, stop <-chan struct{}, say func(string, ...any)) error {
	tick := time.NewTicker(r.Plan.every())
	defer tick.Stop()
	const parts = 20
	const patient = 10 // samples: a busy machine is no failure of the service
	said, missed := time.Now(), 0
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := r.samples.take(ctx, r.bases, r.connections); err != nil {
			if missed++; missed > patient || r.ended() {
				return err
			}
			say("a sample is missing: %v", err)
			continue
		}
		missed = 0
		if time.Since(said) < max(r.Plan.Time/parts, r.Plan.every()) {
			continue
		}
		said = time.Now()
		wrong := 0
		for _, s := range r.shops {
			wrong += s.record.countWrong()
		}
		say("%v of %v, %d wrong responses, private memory: %s", time.Since(r.samples.began).Truncate(time.Second), r.Plan.Time, wrong, r.samples.now(memory))
	}
}

// ended reports whether a process has ended.
func (r *Result) ended() bool {
	for _, d := range r.bases {
		for _, p := range d.Processes {
			if p.Process.Err() != nil {
				return true
			}
		}
	}
	return false
}

// connections returns the number of open connections of clients to an address.
func (r *Result) connections(address string) (count int) {
	for _, s := range r.shops {
		count += s.conns.to(address)
	}
	return count
}

// now returns the last values of a quantity.
func (s *samples) now(rule Rule) string {
	var values []string
	for _, series := range s.series[rule.Quantity] {
		values = append(values, fmt.Sprintf("%.0f", series.Points[len(series.Points)-1].Value))
	}
	return strings.Join(append(values, rule.Unit), " ")
}

// drain waits until a receiver has taken as many events as there are. Orders go on expiring meanwhile.
func (r *Result) drain(ctx context.Context, i int) error {
	const limit, pause = 3 * time.Minute, time.Second
	d, s := r.bases[i], r.shops[i]
	for began := time.Now(); ; {
		there, err := d.Events(ctx)
		if err != nil {
			return err
		}
		_, taken := d.Receiver.counts()
		if taken >= there {
			return nil
		}
		if time.Since(began) > limit {
			return fmt.Errorf("%s: the receiver has %d of %d events", d.Name, taken, there)
		}
		// What has failed is due now, instead of after half a minute.
		s.send(ctx, s.anywhere(), call{kind: "webhooks, retry", method: http.MethodPost, path: "/order/webhooks/retry", token: s.staff(),
			from: s.desk(), want: []answer{fine}})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// judge fills in the findings and the failures.
func (r *Result) judge() {
	r.control.close()
	for i, s := range r.shops {
		s.record.close()
		faults, wrong := s.record.faults, s.record.wrong
		receiver := r.bases[i].Receiver
		receiver.mu.Lock()
		faults, wrong = slices.Concat(faults, receiver.faults), wrong+receiver.wrong
		receiver.mu.Unlock()
		for _, fault := range faults {
			r.Failures = append(r.Failures, r.bases[i].Name+": "+fault)
		}
		if more := wrong - len(faults); more > 0 {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %d more of that", r.bases[i].Name, more))
		}
		if s.record.limited == 0 {
			r.Failures = append(r.Failures, r.bases[i].Name+": the client over its limit was never refused")
		}
	}
	if r.samples.failed > 0 {
		r.Failures = append(r.Failures, fmt.Sprintf("background jobs failed %.0f times: service.log", r.samples.failed))
	}
	if !r.Judged() {
		return
	}
	for _, rule := range []Rule{memory, goroutines, descriptors, sessions, ended, waiting} {
		for _, series := range r.samples.all(rule.Quantity) {
			r.Findings = append(r.Findings, rule.Judge(series, r.Elapsed))
		}
	}
	for i, series := range r.samples.all(walSQLite.Quantity) {
		r.Findings = append(r.Findings, r.bases[i].WAL.Judge(series, r.Elapsed))
	}
	_, control := r.control.lines(controls, controls)
	rule := latency.against(control, r.Elapsed)
	for i, s := range r.shops {
		for _, class := range []string{reads, writes, hashes} {
			_, p99 := s.record.lines(class, r.bases[i].Name)
			p99.Name = class + " on " + r.bases[i].Name
			r.Findings = append(r.Findings, rule.Judge(p99, r.Elapsed))
		}
	}
	for _, f := range r.Findings {
		if f.Grew {
			r.Failures = append(r.Failures, "it grows: "+f.String())
		}
	}
}

// lines returns the medians and the 99th percentiles of a class over time, in milliseconds.
func (r *record) lines(class, name string) (p50, p99 Series) {
	p50.Name, p99.Name = name+", median", name+", 99 %"
	for _, p := range r.bins[class] {
		p50.Points, p99.Points = append(p50.Points, Point{p.At, p.P50}), append(p99.Points, Point{p.At, p.P99})
	}
	return p50, p99
}
