package database

import (
	"sync"
	"time"
)

// RestoreBy is Restore that calls a function after each of its steps.
var RestoreBy = restoreBy

// Together makes the statements of calls one group on PostgreSQL, in their order, and returns what they return. Until all of
// them wait it lets nobody else run: queries and writes have queues of their own.
func Together(db *DB, queries bool, calls ...func() error) []error {
	p := db.engine.(*postgresServer) //nolint:forcetypeassert // on purpose
	g := p.writes
	if queries {
		g = p.queries
	}
	g.mu.Lock()
	stall := g.stall
	stall.Stop()
	g.stall = time.AfterFunc(time.Hour, func() {})
	g.busy = true
	g.cost, g.apart, g.probed = 1, time.Time{}, time.Now()
	g.mu.Unlock()
	errs := make([]error, len(calls))
	var ended sync.WaitGroup
	for i, call := range calls {
		queued := make(chan struct{})
		ended.Go(func() {
			errs[i] = call()
			select {
			case <-queued:
			default:
				panic("the call has not run a single statement")
			}
		})
		for waiting := 0; waiting <= i; time.Sleep(10 * time.Microsecond) {
			g.mu.Lock()
			waiting = len(g.waiting)
			g.mu.Unlock()
		}
		close(queued)
	}
	g.mu.Lock()
	round, group := g.round, g.take()
	g.stall.Stop()
	g.stall = stall
	g.mu.Unlock()
	g.serve(round, group)
	ended.Wait()
	return errs
}
