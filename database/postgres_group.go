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
	// maxSingles is the number of statements that run alone at a time.
	maxSingles = 8

	// maxMembers bounds a group.
	maxMembers = 64

	// maxCost is how much longer groups may take than as many singles at once. Up to that, the work that they save, here and
	// on the server, is worth more.
	maxCost = 2

	// slowTime is how long all run alone when groups cost more, and groupTime what the next one should take at most.
	slowTime  = 100 * time.Millisecond
	groupTime = 20 * time.Millisecond

	// Singles are measured for probeTime at least every probeEvery, since none run beside groups.
	probeTime  = 10 * time.Millisecond
	probeEvery = 5 * time.Second

	inertia = 8 // of moving averages

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
	took  time.Duration // with a connection, if it ran alone
	ended chan struct{} // closed by end

	mu      sync.Mutex
	claimed bool // it may have been sent
	left    bool // the caller has returned: dest must not be written
	err     error
}

// grouper lets statements run alone while few are under way. Otherwise they queue, and are sent together, one group at a
// time, so that groups grow with the load.
//
// A group saves the messages and the commits of its members, but they run one after the other. If that takes longer than
// singles at once would, as for statements that read much from a disk, all run alone for a while.
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
	single  time.Duration // moving average of the time of a single, or 0
	cost    float64       // moving average of the time of a group, divided by that of as many singles at once
	member  time.Duration // the time of the last group, divided by its members
	apart   time.Time     // until then all run alone
	probed  time.Time     // when that was last so
}

func newGrouper(singles int, alone func(context.Context, *statement) error, send func([]*statement)) *grouper {
	g := &grouper{singles: singles, alone: alone, send: send, cost: 1}
	g.stall = time.AfterFunc(stallTime, g.pass)
	return g
}

// run runs a statement, alone or in a group, and returns when it has committed. A caller whose ctx ends leaves the queue.
func (g *grouper) run(ctx context.Context, s *statement) error {
	if round, alone := g.admit(s); alone {
		defer func() { g.done(round, s.took) }()
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
		defer func() { g.done(uncounted, s.took) }()
		return g.alone(ctx, s)
	}
	return err
}

// uncounted is the round of what runs alone however much is under way.
const uncounted = -1

// admit reports whether the statement may run alone, in which case done must follow, and queues it otherwise.
func (g *grouper) admit(s *statement) (round int, alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case time.Now().Before(g.apart):
		return uncounted, true
	case !g.busy && g.running < g.singles && len(g.waiting) == 0:
		g.running++
		return g.round, true
	}
	s.ended = make(chan struct{})
	if g.waiting = append(g.waiting, s); len(g.waiting) == 1 {
		g.stall.Reset(stallTime)
	}
	return 0, false
}

// done sends those that have waited for a single.
func (g *grouper) done(round int, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if took = min(took, groupTime); g.single == 0 {
		g.single = took
	} else if took > 0 { // it had a connection
		g.single += (took - g.single) / inertia
	}
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
		began := time.Now()
		g.send(group)
		group = g.next(round, len(group), time.Since(began))
	}
}

// next returns the next group of a round, or nil.
func (g *grouper) next(round, members int, took time.Duration) []*statement {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.weigh(members, took)
	switch now := time.Now(); {
	case g.cost > maxCost:
		g.part(now, slowTime)
	case now.Sub(g.probed) >= probeEvery:
		g.single = 0
		g.part(now, probeTime)
	}
	switch {
	case round != g.round:
		return nil
	case len(g.waiting) == 0:
		g.busy = false
		return nil
	}
	return g.take()
}

// weigh compares a group with as many singles at once. A single outlier does not count.
func (g *grouper) weigh(members int, took time.Duration) {
	g.member = max(1, took/time.Duration(members)) // not 0 by a coarse clock
	if g.single == 0 {
		return
	}
	const outlier = 4 * maxCost
	singles := float64(g.single) * max(1, float64(members)/float64(g.singles))
	g.cost += (min(float64(took)/singles, outlier) - g.cost) / inertia
}

// part has all run alone for a time, those that wait included.
func (g *grouper) part(now time.Time, length time.Duration) {
	g.apart, g.probed = now.Add(length), now
	for _, s := range g.waiting {
		s.end(errAlone)
	}
	clear(g.waiting)
	g.waiting = g.waiting[:0]
	g.stall.Stop()
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
	if g.cost > maxCost {
		count = min(count, max(1, int(groupTime/g.member)))
	}
	group := slices.Clone(g.waiting[:count])
	g.waiting = slices.Delete(g.waiting, 0, count)
	if len(g.waiting) > 0 {
		g.stall.Reset(stallTime)
	} else {
		g.stall.Stop()
	}
	return group
}

// claim reports whether the caller still waits. It must precede the sending of the statement.
func (s *statement) claim() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claimed = !s.left
	return s.claimed
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
	if s.claimed && !s.isQuery {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	}
	return classify(cause)
}
