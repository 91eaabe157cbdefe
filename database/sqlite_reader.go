package database

import (
	"sync"
	"time"

	"userorder/database/sqlite"
)

// reader is a read-only connection whose queries are interrupted when their time is up.
type reader struct {
	conn *sqlite.Conn

	mu    sync.Mutex
	until time.Time   // when to interrupt the running query; zero while none is running
	timer *time.Timer // calls expire
	armed bool
}

func openReader(path string) (*reader, error) {
	conn, err := sqlite.Open(path, sqlite.ReadOnly, readerPragmas...)
	if err != nil {
		return nil, err
	}
	return &reader{conn: conn}, nil
}

// queryRow runs a query for limit at most, which is no more than timeout.
func (r *reader) queryRow(limit time.Duration, query string, args, dest []any) error {
	r.begin(limit)
	defer r.end()
	_, err := r.conn.Run(query, args, dest)
	return err
}

// each runs a query as queryRow does and calls row for each row of its result.
func (r *reader) each(limit time.Duration, query string, args []any, row rowFunc) error {
	r.begin(limit)
	defer r.end()
	return r.conn.Each(query, args, row)
}

func (r *reader) begin(limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Now().Add(limit)
	switch {
	case r.timer == nil:
		r.timer = time.AfterFunc(limit, r.expire)
	case !r.armed, limit < timeout: // an armed timer may be set for later
		r.timer.Reset(limit)
	}
	r.armed = true
}

func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Time{}
}

// expire interrupts an expired query, else re-arms the timer. The timer is left running between queries because
// stopping it costs more than most queries.
func (r *reader) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until.IsZero() { // also of a closed reader
		r.armed = false
		return
	}
	left := time.Until(r.until)
	if left <= 0 {
		r.conn.Interrupt()
		left = time.Second // again: SQLite forgets an interrupt that comes between two statements
	}
	r.timer.Reset(left)
}

// close must not be called while a query is running.
func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	return r.conn.Close()
}
