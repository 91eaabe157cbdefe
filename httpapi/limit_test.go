package httpapi

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limitedEngine has a route that may be called twice at once, and then once in three seconds.
func limitedEngine(t *testing.T) func(client, path string) *httptest.ResponseRecorder {
	engine, err := NewEngine(Config{
		Log: slog.New(slog.DiscardHandler), Limit: Limit{Count: 1, Per: 3 * time.Second, Burst: 2},
		TrustedProxies: []string{"192.0.2.1"},
	})
	require.NoError(t, err)
	return func(client, path string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.Header.Set("X-Forwarded-For", client)
		engine.ServeHTTP(w, r)
		return w
	}
}

func TestAClientAddressThatComesTooOftenIsAnswered429(t *testing.T) {
	get := limitedEngine(t)
	for range 2 {
		require.Equal(t, 404, get("203.0.113.9", "/nothing").Code)
	}
	w := get("203.0.113.9", "/nothing")
	require.Equal(t, 429, w.Code)
	require.Equal(t, "3", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"code":429,"msg":"请求过于频繁，请稍后重试","data":{}}`, w.Body.String())
	require.Equal(t, 404, get("203.0.113.10", "/nothing").Code, "another address pays for it")
	require.Equal(t, 200, get("203.0.113.9", "/healthz").Code, "a probe is refused")
}

func TestWhichAddressesCountTogether(t *testing.T) {
	for _, test := range []struct {
		name, one, other string
		together         bool
	}{
		{"one address of IPv4", "203.0.113.9", "203.0.113.9", true},
		{"neighbours of IPv4", "203.0.113.9", "203.0.113.8", false},
		{"IPv4 in the clothes of IPv6", "203.0.113.9", "::ffff:203.0.113.9", true},
		{"two addresses of one /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"two /64s", "2001:db8::1", "2001:db8:0:1::1", false},
		{"two zones of one network", "fe80::1%eth0", "fe80::1%eth1", true},
		{"what is no address", "", "@", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.together, network(test.one) == network(test.other))
		})
	}
}

// address returns the n-th network of a test.
func address(n int) netip.Prefix {
	return network(fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
}

func TestATokenComesBackInItsTime(t *testing.T) {
	now := time.Now()
	c := newClients(Limit{Count: 20, Per: time.Minute, Burst: 10})
	for range 10 {
		require.Zero(t, c.take(address(1), now))
	}
	for range 50 { // being refused costs nothing
		require.Equal(t, 3*time.Second, c.take(address(1), now))
	}
	require.Equal(t, time.Second, c.take(address(1), now.Add(2*time.Second)))
	require.Zero(t, c.take(address(1), now.Add(3*time.Second)))
	require.NotZero(t, c.take(address(1), now.Add(3*time.Second)))
	for range 10 {
		require.Zero(t, c.take(address(1), now.Add(time.Hour)))
	}
	require.NotZero(t, c.take(address(1), now.Add(time.Hour)), "more than the burst has gathered")
}

func TestBeingRefusedAtOnceCostsNothing(t *testing.T) {
	now := time.Now()
	c := newClients(Limit{Count: 20, Per: time.Minute, Burst: 10})
	var group sync.WaitGroup
	var taken atomic.Int64
	for range 64 {
		group.Go(func() {
			for range 100 {
				wait := c.take(address(1), now)
				if wait == 0 {
					taken.Add(1)
				} else if wait > 3*time.Second {
					t.Errorf("told to wait for %v", wait)
				}
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 10, taken.Load())
}

func TestAFloodOfAddressesForgetsNobodyWhoIsOverTheLimit(t *testing.T) {
	now := time.Now()
	c := newClients(Limit{Count: 1, Per: time.Second, Burst: 2})
	c.max = 1000
	for range 2 {
		require.Zero(t, c.take(address(0), now))
	}
	for n := range 5000 {
		now = now.Add(100 * time.Microsecond)
		c.take(address(n+1), now)
	}
	require.Len(t, c.buckets, 1000)
	require.Equal(t, 1000, c.byUse.Len())
	require.NotZero(t, c.take(address(0), now), "its bucket was given away")
	require.NotZero(t, c.take(address(9999), now), "the newcomers' bucket has no end")
	require.Zero(t, c.take(address(999), now), "one who was there before them shares it")

	now = now.Add(2*time.Second + 1)
	require.Zero(t, c.take(address(9999), now))
	require.Len(t, c.buckets, 1, "those who must have a full bucket are kept")
}

func BenchmarkLimit(b *testing.B) {
	c := newClients(Limit{Count: 1, Per: time.Second, Burst: 1})
	for n := range maxClients {
		c.take(address(n), time.Now())
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		c.take(address(n*7919%maxClients), time.Now())
	}
}
