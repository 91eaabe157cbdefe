package database

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is a grouper whose statements take as long as their texts say, alone and in groups, and what it has done.
type crowd struct {
	*grouper
	t       *testing.T
	began   time.Time
	callers sync.WaitGroup

	done   sync.Mutex
	alone  []time.Duration // when they began
	groups []group
}

type group struct {
	at   time.Duration
	size int
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, began: time.Now()}
	c.grouper = newGrouper(maxSingles,
		func(_ context.Context, s *statement) error {
			c.done.Lock()
			c.alone = append(c.alone, time.Since(c.began))
			c.done.Unlock()
			time.Sleep(duration(t, s))
			return nil
		},
		func(members []*statement) {
			c.done.Lock()
			c.groups = append(c.groups, group{time.Since(c.began), len(members)})
			c.done.Unlock()
			longest := time.Duration(0)
			for _, s := range members {
				longest = max(longest, duration(t, s))
			}
			time.Sleep(longest)
			for _, s := range members {
				s.end(nil)
			}
		})
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
		c.calls(maxMembers+5, "4ms")
		c.callers.Wait()
		require.Len(t, c.alone, maxSingles)
		require.Equal(t, []group{{time.Millisecond, maxMembers}, {5 * time.Millisecond, 5}}, c.groups)

		c.calls(1, "1ms")
		c.callers.Wait()
		require.Len(t, c.alone, maxSingles+1, "nobody waits any more")
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
		c.calls(1, "1ms")
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
		time.Sleep(time.Second + 2*stallTime)
		c.calls(maxSingles, "1ms")
		require.Len(t, c.alone, 2*maxSingles)
		c.calls(1, "1ms")
		c.callers.Wait()
		require.Len(t, c.groups, 2)
		require.Zero(t, c.running)
	})
}
