package httpapi

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Limit allows a client address Count requests in Per on average, and Burst at once. The zero Limit allows any number.
type Limit struct {
	Count int
	Per   time.Duration
	Burst int
}

// maxCount bounds Count and Burst in ParseLimit.
const maxCount = 1_000_000_000

var errLimit = errors.New("must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10")

// ParseLimit parses COUNT/TIME[:BURST]. COUNT and BURST are from 1 to 1,000,000,000, TIME is a Go duration from 1ms to
// 24h, and BURST defaults to COUNT.
func ParseLimit(text string) (Limit, error) {
	rate, burst, hasBurst := strings.Cut(text, ":")
	count, per, _ := strings.Cut(rate, "/")
	if !hasBurst {
		burst = count
	}
	var limit Limit
	var err [3]error
	limit.Count, err[0] = strconv.Atoi(count)
	limit.Per, err[1] = time.ParseDuration(per)
	limit.Burst, err[2] = strconv.Atoi(burst)
	if errors.Join(err[:]...) != nil || !isCount(limit.Count) || !isCount(limit.Burst) ||
		limit.Per < time.Millisecond || limit.Per > 24*time.Hour {
		return Limit{}, errLimit
	}
	return limit, nil
}

func isCount(n int) bool { return 1 <= n && n <= maxCount }

var errTooManyRequests = NewError(http.StatusTooManyRequests, Text{"请求过于频繁，请稍后重试", "too many requests, try again later"})

// Limited returns a handler that answers 429 to a client address over limit. Logs and metrics show the limit by name.
// Each call of Limited counts separately, and in this process only. IPv6 addresses count by their /64, the least that
// a subscriber gets (RFC 6177).
func Limited(name string, limit Limit) gin.HandlerFunc {
	if limit == (Limit{}) {
		return func(*gin.Context) {}
	}
	clients := newClients(limit)
	exceeded := *errTooManyRequests
	exceeded.Limit = name
	return func(c *gin.Context) {
		if wait := clients.take(ClientNetwork(c), time.Now()); wait > 0 {
			Fail(c, exceeded.After(wait))
		}
	}
}

// ClientNetwork returns what the client of a request counts as: its IPv4 address, or the /64 of its IPv6 address.
func ClientNetwork(c *gin.Context) netip.Prefix { return networkOf(exchangeOf(c).clientOf(c)) }

// ClientAddress returns the address of the client of a request, or "" if it is unknown.
func ClientAddress(c *gin.Context) string {
	if address := exchangeOf(c).clientOf(c); address.IsValid() {
		return address.String()
	}
	return ""
}

// networkOf returns the network that shares one bucket with the address of a client, which is neither IPv4-mapped nor
// has a zone. Clients whose address is unknown share one bucket, too.
func networkOf(client netip.Addr) netip.Prefix {
	bits := 64
	if client.Is4() {
		bits = 32
	}
	prefix, _ := client.Prefix(bits) // cannot fail for these; the zero Prefix for the zero Addr
	return prefix
}
