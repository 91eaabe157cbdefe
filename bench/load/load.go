// Package load sends HTTP requests from several clients in a closed loop, in which each waits for a response before its
// next request, and measures latencies.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Script is the behaviour of one client. A single goroutine uses it.
type Script interface {
	// Next fills in the next request, whose host is already set, and reports whether there is one.
	Next(*fasthttp.Request) (more bool)
	// Check returns an error if the response to the last request is wrong. It must not retain the response.
	Check(*fasthttp.Response) error
}

// Load describes a run against one server.
type Load struct {
	Address     string   // HOST:PORT
	Scripts     []Script // one per client
	Warmup, For time.Duration
	Begin       func() error // called after the warm-up, with no request in flight; may be nil
}

// patience is the timeout of a request. A timeout fails the run.
const patience = 15 * time.Second

// Run warms up for Warmup and then measures for For. Every client has one connection and finishes its last request, so the
// measurement ends with a response and no request is discarded. A wrong response or a timeout ends the run with an error.
func (l Load) Run(ctx context.Context) (Result, error) {
	clients := make([]*client, len(l.Scripts))
	for i, script := range l.Scripts {
		clients[i] = newClient(l.Address, script)
		defer clients[i].http.CloseIdleConnections()
	}
	if _, err := l.phase(ctx, clients, l.Warmup); err != nil {
		return Result{}, fmt.Errorf("warm up: %w", err)
	}
	for _, c := range clients {
		c.latencies = c.latencies[:0]
	}
	if l.Begin != nil {
		if err := l.Begin(); err != nil {
			return Result{}, err
		}
	}
	elapsed, err := l.phase(ctx, clients, l.For)
	if err != nil {
		return Result{}, err
	}
	var latencies []time.Duration
	for _, c := range clients {
		latencies = append(latencies, c.latencies...)
	}
	if len(latencies) == 0 {
		return Result{}, errors.New("no requests were sent")
	}
	return newResult(elapsed, latencies), nil
}

func (l Load) phase(ctx context.Context, clients []*client, duration time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var group sync.WaitGroup
	for _, c := range clients {
		group.Go(func() {
			if err := c.loop(ctx, began.Add(duration)); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return time.Since(began), context.Cause(ctx)
}

type client struct {
	http      *fasthttp.HostClient
	script    Script
	latencies []time.Duration
}

func newClient(address string, script Script) *client {
	return &client{
		http: &fasthttp.HostClient{
			Addr: address, MaxConns: 1, ReadTimeout: patience, WriteTimeout: patience, MaxIdemponentCallAttempts: 1,
			NoDefaultUserAgentHeader: true, DisablePathNormalizing: true, DisableHeaderNamesNormalizing: true,
		},
		script:    script,
		latencies: make([]time.Duration, 0, 1<<12),
	}
}

func (c *client) loop(ctx context.Context, end time.Time) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	for began := time.Now(); began.Before(end) && ctx.Err() == nil; {
		request.Reset()
		request.Header.SetHost(c.http.Addr)
		if !c.script.Next(request) {
			return nil
		}
		began = time.Now()
		if err := c.http.Do(request, response); err != nil {
			return fmt.Errorf("%s: %w", asked(request), err)
		}
		now := time.Now()
		c.latencies = append(c.latencies, now.Sub(began))
		began = now
		if err := c.script.Check(response); err != nil {
			return fmt.Errorf("%s: %w", asked(request), err)
		}
	}
	return nil
}

func asked(r *fasthttp.Request) string {
	return string(r.Header.Method()) + " " + string(r.RequestURI())
}

// Limit returns scripts that end when they have sent a number of requests together.
func Limit(script func(client int) Script, requests int) func(client int) Script {
	left := new(atomic.Int64)
	left.Store(int64(requests))
	return func(client int) Script { return limited{script(client), left} }
}

type limited struct {
	Script
	left *atomic.Int64
}

func (l limited) Next(r *fasthttp.Request) bool { return l.left.Add(-1) >= 0 && l.Script.Next(r) }
