package database

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// readers is the connections that read a SQLite file. Who gives one back does not hand it to the caller that has
// waited longest: until that one's turn on a processor came the connection would lie idle, and from then on everybody
// would wait (a lock convoy). It goes to whoever asks next, and one that waits is told to ask.
type readers struct {
	size    int
	freed   chan struct{} // at most a token for each connection
	closing chan struct{}
	once    sync.Once

	mu     sync.Mutex
	idle   []*connection
	closed bool
	open   sync.WaitGroup // connections
	err    error          // of closing them

	waiting atomic.Int64 // how many wait now
	waits   atomic.Int64
	waited  atomic.Int64 // nanoseconds
}

// openReaders opens size connections to the file at path.
func openReaders(path string, size int) (*readers, error) {
	r := &readers{freed: make(chan struct{}, size), closing: make(chan struct{})}
	for range size {
		c, err := openConnection(path, sqlite3.SQLITE_OPEN_READONLY, readerPragmas)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.size++
		r.open.Add(1)
		r.idle = append(r.idle, c)
	}
	return r, nil
}

// queryRow runs a query on the next connection that is free. It waits for one, and lets the query run, for 5
// seconds at most. A caller whose context ends while its query runs gets the answer all the same.
func (r *readers) queryRow(ctx context.Context, query string, args, dest []any) error {
	c, waited, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(c)
	return c.queryRow(timeout-waited, query, args, dest)
}

// take waits for a connection and returns how long it has waited.
func (r *readers) take(ctx context.Context) (c *connection, waited time.Duration, err error) {
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

func (r *readers) wait(ctx context.Context) (*connection, error) {
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

// pop returns an idle connection or nil, the last one that was used first: what it read is likely to be in the
// processor's cache.
func (r *readers) pop() *connection {
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

func (r *readers) give(c *connection) {
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
		default: // as many are told already as there are connections
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

// close waits for the queries that run, closes the connections and refuses all queries that come after it.
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
func (r *readers) closeOne(c *connection) {
	r.err = errors.Join(r.err, c.close())
	r.open.Done()
}
