package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"userorder/bench/load"
	"userorder/bench/process"
	"userorder/bench/report"
)

// measure takes one sample.
func (w *world) measure(ctx context.Context, m measurement) (sample report.Sample, err error) {
	if m.before != nil {
		if err := m.before(ctx); err != nil {
			return report.Sample{}, err
		}
	}
	sample, err = w.sample(ctx, m)
	if err == nil && m.after != nil {
		err = m.after(ctx)
	}
	return sample, err
}

func (w *world) sample(ctx context.Context, m measurement) (sample report.Sample, err error) {
	if m.server == nil {
		return m.count(ctx, m.during)
	}
	server := m.server()
	var servers, client time.Duration
	result, err := load.Load{
		Address: server.Address, Scripts: scripts(m.Clients, m.script), Warmup: w.options.warmup, For: m.during,
		Begin: func() error {
			servers, client = process.CPU(server.Processes()...), own()
			return server.Process.ResetPeak()
		},
	}.Run(ctx)
	if err != nil {
		if ended := server.Process.Err(); ended != nil {
			err = ended
		}
		return report.Sample{}, err
	}
	client, servers = own()-client, process.CPU(server.Processes()...)-servers
	sample = report.Sample{
		Rate: result.Rate, P50: result.P50, P99: result.P99, P999: result.P999, Requests: result.Requests,
		CPU: servers / time.Duration(result.Requests), Client: client / time.Duration(result.Requests),
	}
	sample.Memory, err = server.Process.Memory()
	return sample, err
}

// own returns the CPU time of this process.
func own() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// measureAll takes one sample of every row in each round, so that a temporary disturbance affects all rows alike.
func (w *world) measureAll(ctx context.Context) (*report.Results, error) {
	all, results := w.measurements(), &report.Results{}
	for round := range w.options.rounds {
		w.progress.step("round %d of %d: start", round+1, w.options.rounds)
		if err := w.measureStarts(ctx, results); err != nil {
			return nil, fmt.Errorf("start: %w", err)
		}
		if w.flask != nil {
			if err := w.flask.renewWritten(ctx, w.stage); err != nil {
				return nil, fmt.Errorf("start Flask: %w", err)
			}
		}
		for i, m := range all {
			w.progress.step("round %d of %d, %d of %d: %s", round+1, w.options.rounds, i+1, len(all), m.Key)
			sample, err := w.measure(ctx, m)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", m.Key, err)
			}
			results.Add(m.Key, sample)
		}
	}
	return results, nil
}
