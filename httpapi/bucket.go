package httpapi

import (
	"container/list"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients bounds the memory of one Limited to about 30 MB.
const maxClients = 100_000

// clients keeps a token bucket for each network. A bucket is evicted only once it must be full again, which changes
// nothing for its network: however many addresses an attacker has, a network over the limit stays over it. While there
// is no room, new networks share one bucket. It is safe for concurrent use.
type clients struct {
	every  time.Duration // between two tokens
	burst  int
	refill time.Duration // from an empty bucket to a full one
	max    int

	mu       sync.Mutex
	buckets  map[netip.Prefix]*list.Element
	byUse    *list.List // of *bucket, the most recently used first
	overflow *rate.Limiter
}

type bucket struct {
	network netip.Prefix
	tokens  *rate.Limiter
	used    time.Time
}

func newClients(limit Limit) *clients {
	every, burst := limit.Per/time.Duration(limit.Count), time.Duration(limit.Burst)
	refill := every * burst
	if every > math.MaxInt64/burst { // such a bucket is never full again
		refill = math.MaxInt64
	}
	c := &clients{
		every: every, burst: limit.Burst, refill: refill, max: maxClients,
		buckets: map[netip.Prefix]*list.Element{}, byUse: list.New(),
	}
	c.overflow = c.newTokens()
	return c
}

func (c *clients) newTokens() *rate.Limiter { return rate.NewLimiter(rate.Every(c.every), c.burst) }

// take takes a token and returns 0, or takes none and returns the time until there is one.
func (c *clients) take(network netip.Prefix, now time.Time) (wait time.Duration) {
	tokens := c.bucketOf(network, now)
	if tokens.AllowN(now, 1) { // Cancel of a reservation returns less if another one was made meanwhile
		return 0
	}
	return max(1, time.Duration((1-tokens.TokensAt(now))*float64(c.every)))
}

func (c *clients) bucketOf(network netip.Prefix, now time.Time) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	for last := c.byUse.Back(); last != nil && now.Sub(last.Value.(*bucket).used) > c.refill; last = c.byUse.Back() {
		delete(c.buckets, c.byUse.Remove(last).(*bucket).network)
	}
	if known, ok := c.buckets[network]; ok {
		b := known.Value.(*bucket)
		b.used = now
		c.byUse.MoveToFront(known)
		return b.tokens
	}
	if len(c.buckets) >= c.max {
		return c.overflow
	}
	b := &bucket{network: network, tokens: c.newTokens(), used: now}
	c.buckets[network] = c.byUse.PushFront(b)
	return b.tokens
}
