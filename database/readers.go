package database

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// readers is the connections that read a SQLite file.
type readers struct {
	open    int
	idle    chan *connection
	closing chan struct{}
	once    sync.Once

	waits  atomic.Int64
	waited atomic.Int64 // nanoseconds
}

// openReaders opens size connections to the file at path.
func openReaders(path string, size int) (*readers, error) {
	r := &readers{idle: make(chan *connection, size), closing: make(chan struct{})}
	for range size {
		c, err := openConnection(path, sqlite3.SQLITE_OPEN_READONLY, readerPragmas)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.open++
		r.idle <- c
	}
	return r, nil
}

// queryRow runs a query on the next connection that is free. It waits for one, and lets the query run, for 5
// seconds at most. A caller whose context ends while its query runs gets the answer all the same.
func (r *readers) queryRow(ctx context.Context, query string, args, dest []any) error {
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer func() { r.idle <- c }()
	return c.queryRow(timeout, query, args, dest)
}

func (r *readers) take(ctx context.Context) (*connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c := <-r.idle:
		return c, nil
	default:
	}
	began := time.Now()
	r.waits.Add(1)
	defer func() { r.waited.Add(int64(time.Since(began))) }()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case c := <-r.idle:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.closing:
		return nil, errClosed
	}
}

func (r *readers) stats() Stats {
	idle := len(r.idle)
	return Stats{
		InUse: cap(r.idle) - idle, Idle: idle, Max: cap(r.idle),
		Waits: r.waits.Load(), Waited: time.Duration(r.waited.Load()),
	}
}

// close waits for the queries that run, closes the connections and refuses all queries that come after it.
func (r *readers) close() (err error) {
	r.once.Do(func() {
		close(r.closing)
		for range r.open {
			c := <-r.idle
			err = errors.Join(err, c.close())
		}
	})
	return err
}
