package database

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is a grouper with a pool of maxSingles connections, and what it has done. A statement takes as long as its text says.
type crowd struct {
	*grouper
	t       *testing.T
	message time.Duration // what a single or a group takes besides its statements
	began   time.Time
	callers sync.WaitGroup
	pool    chan struct{}

	record sync.Mutex
	alone  []time.Duration // when they began
	groups []group
}

type group struct {
	at   time.Duration
	size int
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, began: time.Now(), pool: make(chan struct{}, maxSingles)}
	c.grouper = newGrouper(maxSingles,
		func(_ context.Context, s *statement) error {
			c.pool <- struct{}{}
			began := time.Now()
			c.record.Lock()
			c.alone = append(c.alone, time.Since(c.began))
			c.record.Unlock()
			time.Sleep(c.message + duration(t, s))
			s.took = time.Since(began)
			<-c.pool
			return nil
		},
		func(members []*statement) {
			c.record.Lock()
			c.groups = append(c.groups, group{time.Since(c.began), len(members)})
			c.record.Unlock()
			time.Sleep(c.message)
			for _, s := range members {
				time.Sleep(duration(t, s))
			}
			for _, s := range members {
				s.end(nil)
			}
		})
	c.probed = c.began
	return c
}

func duration(t *testing.T, s *statement) time.Duration {
	d, err := time.ParseDuration(s.text)
	require.NoError(t, err)
	return d
}

// calls starts callers at once, whose statements take so long.
func (c *crowd) calls(count int, took string) {
	for range count {
		c.callers.Go(func() { require.NoError(c.t, c.run(c.t.Context(), &statement{text: took})) })
	}
	synctest.Wait()
}

func TestFewStatementsRunAloneAndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.calls(maxSingles, "1ms")
		c.callers.Wait()
		require.Equal(t, make([]time.Duration, maxSingles), c.alone)
		require.Empty(t, c.groups)
	})
}

func TestOthersAreSentTogetherAsSoonAsOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.calls(1, "1ms")
		c.calls(maxSingles-1, "3ms")
		c.calls(maxMembers+5, "100us")
		c.callers.Wait()
		require.Len(t, c.alone, maxSingles)
		require.Equal(t, []group{{time.Millisecond, maxMembers}, {time.Millisecond + maxMembers*100*time.Microsecond, 5}}, c.groups)

		c.calls(1, "1ms")
		c.callers.Wait()
		require.Len(t, c.alone, maxSingles+1, "nobody waits any more")
	})
}

// rate returns how many statements that take so long callers get through in a second, each one after the other.
func (c *crowd) rate(callers int, took string) (count int) {
	var counted atomic.Int64
	end := time.Now().Add(2 * time.Second)
	for range callers {
		c.callers.Go(func() {
			for time.Now().Before(end) {
				require.NoError(c.t, c.run(c.t.Context(), &statement{text: took}))
				counted.Add(1)
			}
		})
	}
	c.callers.Wait()
	return int(counted.Load() / 2)
}

func TestGroupsAreMadeOnlyWhereTheyAreFaster(t *testing.T) {
	for _, test := range []struct {
		name          string
		callers       int
		message, took string
		least         int // a second
	}{
		{"as many callers as connections", 8, "1ms", "10us", 7_900},
		{"quick statements of many callers", 64, "1ms", "10us", 20_000},
		{"one caller more than connections", 9, "100us", "2ms", 3_300},
		{"slow statements", 16, "100us", "1ms", 6_000},
		{"slow statements of many callers", 64, "100us", "6ms", 1_100},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t)
				c.message = duration(t, &statement{text: test.message})
				require.Greater(t, c.rate(test.callers, test.took), test.least)
			})
		})
	}
}

func TestStatementsThatBecomeQuickAreGroupedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.message = time.Millisecond
		c.rate(64, "6ms")
		c.rate(64, "10us")
		require.Greater(t, c.rate(64, "10us"), 20_000)
	})
}

func TestStatementsThatHangHoldUpOthersForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.calls(maxSingles, "1h")
		c.calls(1, "1h")
		time.Sleep(time.Millisecond)
		c.calls(1, "1ms")
		time.Sleep(2 * stallTime)
		synctest.Wait()
		require.Equal(t, []group{{stallTime, 2}}, c.groups, "it hangs, too")
		c.calls(1, "100us")
		time.Sleep(2 * stallTime)
		c.calls(1, "1ms")
		c.callers.Wait()
		require.Len(t, c.alone, maxSingles+1)
		require.Equal(t, []group{{stallTime, 2}, {3*stallTime + time.Millisecond, 1}}, c.groups)
	})
}

func TestWhatHungCountsNoMoreWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.calls(maxSingles, "1s")
		c.calls(1, "1s")
		c.callers.Wait()
		c.calls(maxSingles, "1ms")
		require.Len(t, c.alone, 2*maxSingles)
		c.calls(1, "1ms")
		c.callers.Wait()
		require.Len(t, c.groups, 2)
		require.Zero(t, c.running)
	})
}
