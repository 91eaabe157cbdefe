package httpapi

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// address returns the n-th network.
func address(n int) netip.Prefix {
	return networkOf(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
}

func TestTokensComeBackAtTheRateOfTheLimit(t *testing.T) {
	now := time.Now()
	c := newClients(Limit{Count: 20, Per: time.Minute, Burst: 10})
	for range 10 {
		require.Zero(t, c.take(address(1), now))
	}
	for range 50 { // a refusal costs nothing
		require.Equal(t, 3*time.Second, c.take(address(1), now))
	}
	require.Equal(t, time.Second, c.take(address(1), now.Add(2*time.Second)))
	require.Zero(t, c.take(address(1), now.Add(3*time.Second)))
	require.NotZero(t, c.take(address(1), now.Add(3*time.Second)))
	for range 10 {
		require.Zero(t, c.take(address(1), now.Add(time.Hour)))
	}
	require.NotZero(t, c.take(address(1), now.Add(time.Hour)), "more tokens than the burst")
}

func TestConcurrentRefusalsCostNothing(t *testing.T) {
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
	require.NotZero(t, c.take(address(0), now), "its bucket was evicted")
	require.NotZero(t, c.take(address(9999), now), "the shared bucket has no limit")
	require.Zero(t, c.take(address(999), now), "a network with a bucket of its own uses the shared one")

	now = now.Add(2*time.Second + 1)
	require.Zero(t, c.take(address(9999), now))
	require.Len(t, c.buckets, 1, "full buckets are kept")
}

func TestABurstThatTakesCenturiesToRefillEvictsNobody(t *testing.T) {
	now := time.Now()
	c := newClients(Limit{Count: 1, Per: 24 * time.Hour, Burst: 200_000})
	for n := range 3 {
		require.Zero(t, c.take(address(n), now.Add(time.Duration(n)*time.Hour)))
	}
	require.Len(t, c.buckets, 3)
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
