package database

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxSingles is the number of statements that run alone at a time. Groups of so few are no faster where the network, not
	// a processor, takes most of the time.
	maxSingles = 8

	// maxMembers bounds a group, and with it how long its first member waits for the others.
	maxMembers = 64

	// stallTime is how long the queue may stand still: what is under way then waits for a lock, the disk or a silent server.
	stallTime = 10 * time.Millisecond
)

// errAlone means that a statement has changed nothing in its group, perhaps because of another member, and has to run alone.
var errAlone = errors.New("the group was not kept")

// statement is a single statement that may share a transaction with those of other callers.
type statement struct {
	text     string
	args     []any
	dest     []any // nil if there are no rows
	isQuery  bool  // changes nothing
	isInsert bool  // returns the key that the database has generated

	rows  int64         // that it has affected
	ended chan struct{} // closed by end

	mu   sync.Mutex
	sent bool
	left bool // the caller has returned: dest must not be written
	err  error
}

// grouper lets statements run alone while few are under way. Otherwise they queue, and are sent together, one group at a
// time, so that groups grow with the load.
type grouper struct {
	singles int // that may run at a time
	alone   func(ctx context.Context, s *statement) error
	send    func(group []*statement) // answers its members

	mu      sync.Mutex
	running int  // singles
	busy    bool // a group is under way
	round   int  // what began in an earlier one hangs, and counts no more
	waiting []*statement
	stall   *time.Timer
}

func newGrouper(singles int, alone func(context.Context, *statement) error, send func([]*statement)) *grouper {
	g := &grouper{singles: singles, alone: alone, send: send}
	g.stall = time.AfterFunc(stallTime, g.pass)
	return g
}

// run runs a statement, alone or in a group, and returns when it has committed. A caller whose ctx ends leaves the queue.
func (g *grouper) run(ctx context.Context, s *statement) error {
	if round, alone := g.enter(s); alone {
		defer g.leave(round)
		return g.alone(ctx, s)
	}
	var err error
	select {
	case <-s.ended:
		err = s.err
	case <-ctx.Done():
		err = s.leave(ctx.Err())
	}
	if errors.Is(err, errAlone) {
		return g.alone(ctx, s)
	}
	return err
}

// enter reports whether the statement may run alone, in which case leave must follow, and queues it otherwise.
func (g *grouper) enter(s *statement) (round int, alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.busy && g.running < g.singles && len(g.waiting) == 0 {
		g.running++
		return g.round, true
	}
	s.ended = make(chan struct{})
	if g.waiting = append(g.waiting, s); len(g.waiting) == 1 {
		g.stall.Reset(stallTime)
	}
	return 0, false
}

// leave sends those that have waited for a single.
func (g *grouper) leave(round int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if round != g.round {
		return
	}
	g.running--
	if !g.busy && len(g.waiting) > 0 {
		g.busy = true
		go g.serve(round, g.take())
	}
}

// serve sends groups until nobody waits.
func (g *grouper) serve(round int, group []*statement) {
	for group != nil {
		g.send(group)
		group = g.next(round)
	}
}

func (g *grouper) next(round int) []*statement {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case round != g.round:
		return nil
	case len(g.waiting) == 0:
		g.busy = false
		return nil
	}
	return g.take()
}

// pass begins a new round when the queue has stood still.
func (g *grouper) pass() {
	g.mu.Lock()
	if len(g.waiting) == 0 {
		g.mu.Unlock()
		return
	}
	g.round++
	g.running, g.busy = 0, true
	round, group := g.round, g.take()
	g.mu.Unlock()
	g.serve(round, group)
}

// take removes a group from the queue.
func (g *grouper) take() []*statement {
	count := min(len(g.waiting), maxMembers)
	group := slices.Clone(g.waiting[:count])
	g.waiting = slices.Delete(g.waiting, 0, count)
	if len(g.waiting) > 0 {
		g.stall.Reset(stallTime)
	} else {
		g.stall.Stop()
	}
	return group
}

// begin reports whether the caller still waits. It must precede the sending of the statement.
func (s *statement) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = !s.left
	return s.sent
}

// end answers the caller: with lost if the group was not kept, and otherwise with the statement's own error.
func (s *statement) end(lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost != nil {
		s.err = lost
	}
	close(s.ended)
}

// leave returns the answer for a caller that gives up waiting because of cause.
func (s *statement) leave(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	select {
	case <-s.ended:
		return s.err
	default:
	}
	if s.sent && !s.isQuery {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	}
	return classify(cause)
}
