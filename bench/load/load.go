// Package load sends requests over HTTP from a number of clients, each of which waits for an answer before it asks
// again (a closed loop), and keeps how long each answer took.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Script is one client: what it asks next, and whether the answer is right. One goroutine uses it.
type Script interface {
	// Next fills in the next request, whose host is set, and reports whether there is one.
	Next(*fasthttp.Request) (more bool)
	// Check says what is wrong with the answer to the request before. It must not keep the answer.
	Check(*fasthttp.Response) error
}

// Load is what is sent to one address.
type Load struct {
	Address     string
	Scripts     []Script // one a client
	Warmup, For time.Duration
	Begin       func() error // is called after the warm-up, when no request is under way; may be nil
}

// patience is how long a client waits for an answer. A run in which one takes longer is a failed one.
const patience = 15 * time.Second

// Run warms up and measures. Every client has one connection and ends with an answer, so that what is measured ends with
// the last answer and not with a request that is thrown away. A wrong answer ends the run.
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
		return Result{}, errors.New("there was nothing to ask")
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
