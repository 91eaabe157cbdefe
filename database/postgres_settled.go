package database

import (
	"context"
	"slices"
	"strings"
	"time"
)

// PostgreSQL generates a key before the transaction of its row commits, so a row may appear after rows with higher keys. A
// transaction holds a lock on each table that it inserts into, from before the key is generated until its rows can be
// seen. So whoever holds none when a key is known to be in use cannot add a row with a lower key any more.

// settling knows how far the rows of one table are settled. One goroutine at a time uses it.
type settling struct {
	settled int64
	server  string   // what is known, is known of this start of a server
	next    int64    // is settled as soon as the writers have ended
	writers []string // transactions that were inserting when next was read
}

// settlePauses is how long settled waits, in all some 30 ms, for transactions that insert. Most take a millisecond.
var settlePauses = []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond, 16 * time.Millisecond}

// settled shares one look at the server among all that call it meanwhile: they would queue up behind a transaction that
// stays open. The look does not end with the call that has begun it.
func (p *postgresServer) settled(ctx context.Context, table string) (id int64, err error) {
	look := p.looks.DoChan(table, func() (any, error) {
		known, _ := p.settling.LoadOrStore(table, &settling{})
		return known.(*settling).wait(context.WithoutCancel(ctx), p, table) //nolint:forcetypeassert // stored above
	})
	select {
	case result := <-look:
		id, _ = result.Val.(int64)
		return id, result.Err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// wait returns the id up to which rows are settled, after it has waited a little for writers.
func (s *settling) wait(ctx context.Context, p *postgresServer, table string) (id int64, err error) {
	for _, pause := range settlePauses {
		done, err := s.advance(ctx, p, table)
		if err != nil || done {
			return s.settled, err
		}
		time.Sleep(pause)
	}
	return s.settled, nil
}

// advance looks for writers if none are known, and otherwise for which of them have ended. It reports whether all have. A
// server that was started anew may have lost commits, and gives their keys out again: all that is known is forgotten.
func (s *settling) advance(ctx context.Context, p *postgresServer, table string) (done bool, err error) {
	begin := len(s.writers) == 0
	if begin {
		if done, err = s.begin(ctx, p, table); done || err != nil {
			return done, err
		}
	}
	now, server, err := p.inserting(ctx, table) // after next was read
	switch {
	case err != nil:
		return false, err
	case server != s.server:
		s.writers = nil
		return false, nil
	case begin:
		s.writers = now
	default: // a transaction that was prepared may have another name since
		s.writers = slices.DeleteFunc(now, func(writer string) bool {
			return !slices.Contains(s.writers, writer) && !strings.HasPrefix(writer, "-1/")
		})
	}
	if len(s.writers) == 0 {
		s.settled = s.next
	}
	return len(s.writers) == 0, nil
}

// begin reads next, and reports whether it is settled already.
func (s *settling) begin(ctx context.Context, p *postgresServer, table string) (done bool, err error) {
	var server string
	query := "SELECT coalesce(max(id), 0), extract(epoch FROM pg_postmaster_start_time())::text FROM " + table
	if err := p.queryRow(ctx, query, nil, []any{&s.next, &server}); err != nil {
		return false, err
	}
	if server != s.server || s.next < s.settled {
		s.server = server
		s.settled = 0
	}
	return s.next <= s.settled, nil
}

// inserting returns the open transactions that have inserted into a table, and the start of the server.
func (p *postgresServer) inserting(ctx context.Context, table string) (transactions []string, server string, err error) {
	const query = `
		SELECT coalesce(string_agg(virtualtransaction, ' '), ''), extract(epoch FROM pg_postmaster_start_time())::text FROM pg_locks
		WHERE relation = $1::text::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND mode = 'RowExclusiveLock' AND granted`
	var list string
	err = p.queryRow(ctx, query, []any{table}, []any{&list, &server})
	return strings.Fields(list), server, err
}
