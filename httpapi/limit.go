package httpapi

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"
)

// Limit is how often a client address may do something: Count times in Per on average, and Burst times at
// once. The zero Limit has no bound.
type Limit struct {
	Count int
	Per   time.Duration
	Burst int
}

// ErrTooManyRequests is the answer to a client address that has come more often than it may.
var ErrTooManyRequests = newError(http.StatusTooManyRequests, "请求过于频繁，请稍后重试", "too many requests, try again later")

// Limited answers 429 to a client address that exceeds limit, which the log knows by name. Each call of Limited
// counts for itself, and in this process alone. An IPv6 address counts by its /64, which is what one subscriber
// has (RFC 6177).
func Limited(name string, limit Limit) gin.HandlerFunc {
	if limit == (Limit{}) {
		return func(*gin.Context) {}
	}
	clients := newClients(limit)
	exceeded := *ErrTooManyRequests
	exceeded.Limit = name
	return func(c *gin.Context) {
		if wait := clients.take(ClientNetwork(c), time.Now()); wait > 0 {
			Fail(c, exceeded.After(wait))
		}
	}
}

// ClientNetwork returns what the client of a request counts as: its IPv4 address, or the /64 of its IPv6 address.
func ClientNetwork(c *gin.Context) netip.Prefix { return network(exchangeOf(c).clientOf(c)) }

// network is what a client address counts as. Whatever is no address counts as one together.
func network(client string) netip.Prefix {
	address, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 64
	if address = address.Unmap().WithZone(""); address.Is4() {
		bits = 32
	}
	prefix, _ := address.Prefix(bits) // fails for other numbers of bits alone
	return prefix
}

// maxClients bounds the memory: some 30 MB for each Limited.
const maxClients = 100_000

// clients is a token bucket for each network that was seen of late. A bucket is forgotten when it must be
// full again, which makes no difference, and never before: who is over the limit stays so, however many
// others come. While there is no room the new ones share one bucket.
type clients struct {
	every  time.Duration // between two tokens
	burst  int
	refill time.Duration // how long an empty bucket takes to be full
	max    int

	mu       sync.Mutex
	buckets  map[netip.Prefix]*list.Element
	byUse    *list.List // of *bucket, the last one used in front
	overflow *rate.Limiter
}

type bucket struct {
	network netip.Prefix
	tokens  *rate.Limiter
	used    time.Time
}

func newClients(limit Limit) *clients {
	every := limit.Per / time.Duration(limit.Count)
	c := &clients{
		every: every, burst: limit.Burst, refill: every * time.Duration(limit.Burst), max: maxClients,
		buckets: map[netip.Prefix]*list.Element{}, byUse: list.New(),
	}
	c.overflow = c.newTokens()
	return c
}

func (c *clients) newTokens() *rate.Limiter { return rate.NewLimiter(rate.Every(c.every), c.burst) }

// take takes a token and returns 0, or takes none and returns how long it is until there is one.
func (c *clients) take(network netip.Prefix, now time.Time) (wait time.Duration) {
	tokens := c.bucketOf(network, now)
	if tokens.AllowN(now, 1) { // a Reserve that is cancelled does not give everything back if another came between
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
