package database

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// readers is the pool of connections that read a SQLite file. A freed connection is not handed to the caller that has
// waited longest: it would idle until that goroutine is scheduled, and from then on every caller would wait (a lock
// convoy). The next caller to ask gets it, and one waiting caller is woken to ask again.
type readers struct {
	size    int
	freed   chan struct{} // at most one token a connection
	closing chan struct{}
	once    sync.Once

	mu     sync.Mutex
	idle   []*reader
	closed bool
	open   sync.WaitGroup // counts connections
	err    error          // from closing them

	waiting atomic.Int64 // callers
	waits   atomic.Int64
	waited  atomic.Int64 // nanoseconds
}

// openReaders opens size connections to the file at path.
func openReaders(path string, size int) (*readers, error) {
	r := &readers{freed: make(chan struct{}, size), closing: make(chan struct{})}
	for range size {
		c, err := openReader(path)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.size++
		r.open.Add(1)
		r.idle = append(r.idle, c)
	}
	return r, nil
}

// queryRow waits for a connection and runs a query on it, for timeout at most in all. The end of ctx ends the wait, but
// not the query.
func (r *readers) queryRow(ctx context.Context, query string, args, dest []any) error {
	c, waited, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(c)
	return c.queryRow(timeout-waited, query, args, dest)
}

// each runs a query as queryRow does and calls row for each row of its result.
func (r *readers) each(ctx context.Context, query string, args []any, row rowFunc) error {
	c, waited, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(c)
	return c.each(timeout-waited, query, args, row)
}

// take waits for a connection and returns how long it has waited.
func (r *readers) take(ctx context.Context) (c *reader, waited time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if c := r.pop(); c != nil {
		return c, 0, nil
	}
	began := time.Now()
	r.waits.Add(1)
	c, err = r.wait(ctx)
	waited = time.Since(began)
	r.waited.Add(int64(waited))
	return c, waited, err
}

func (r *readers) wait(ctx context.Context) (*reader, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	for {
		if c := r.pop(); c != nil {
			return c, nil
		}
		select {
		case <-r.freed:
		case <-r.closing:
			return nil, errClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pop returns the most recently used idle connection, whose pages are likely to be in the processor's cache, or nil.
func (r *readers) pop() *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	if last < 0 || r.closed {
		return nil
	}
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c
}

func (r *readers) give(c *reader) {
	r.mu.Lock()
	if r.closed {
		r.closeOne(c)
	} else {
		r.idle = append(r.idle, c)
	}
	r.mu.Unlock()
	if r.waiting.Load() > 0 {
		select {
		case r.freed <- struct{}{}:
		default: // a wake-up is pending for every connection
		}
	}
}

func (r *readers) stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{
		InUse: r.size - len(r.idle), Idle: len(r.idle), Max: r.size,
		Waits: r.waits.Load(), Waited: time.Duration(r.waited.Load()),
	}
}

// close refuses further queries, waits for the running ones and closes the connections.
func (r *readers) close() error {
	r.once.Do(func() {
		close(r.closing)
		r.mu.Lock()
		r.closed = true
		for _, c := range r.idle {
			r.closeOne(c)
		}
		r.idle = nil
		r.mu.Unlock()
	})
	r.open.Wait()
	return r.err
}

// closeOne must be called with mu locked.
func (r *readers) closeOne(c *reader) {
	r.err = errors.Join(r.err, c.close())
	r.open.Done()
}
