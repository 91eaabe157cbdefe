package user

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

// alice is the network of a client.
var alice = netip.MustParsePrefix("192.0.2.1/32")

func TestAHashVerifiesItsPasswordAndNoOther(t *testing.T) {
	h := newHasher(1, true)
	encoded, err := h.hash(t.Context(), alice, "test123")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, encoded)
	for password, want := range map[string]bool{"test123": true, "test124": false, "Test123": false, "": false} {
		ok, outdated, err := h.verify(t.Context(), alice, password, encoded)
		require.NoError(t, err)
		require.Equal(t, want, ok)
		require.False(t, outdated)
	}
	again, err := h.hash(t.Context(), alice, "test123")
	require.NoError(t, err)
	require.NotEqual(t, encoded, again, "two hashes share a salt")
}

func TestAHashWithOtherParametersIsOutdated(t *testing.T) {
	salt := []byte("0123456789abcdef")
	encoded := encode(cheap, salt, cheap.key("test123", salt, 32))
	ok, outdated, err := newHasher(1, true).verify(t.Context(), alice, "test123", encoded)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, outdated)
}

func TestTheDecoyVerifiesNothing(t *testing.T) {
	h := newHasher(1, true)
	ok, outdated, err := h.verify(t.Context(), alice, "test123", h.decoy)
	require.NoError(t, err)
	require.False(t, ok)
	require.False(t, outdated, "its cost differs from that of a new hash")
}

// full is how many hashes may run and wait at once, as long as none was measured.
func full(h *hasher) int { return cap(h.slots) * (1 + int(maxWait/firstGuess)) }

// networkOf returns the nth of many networks.
func networkOf(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32)
}

func TestTheHasherBoundsHowManyHashesRunAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(2, true)
		hold := make(chan struct{})
		var mu sync.Mutex
		var running, peak int
		work := func() {
			mu.Lock()
			running++
			peak = max(peak, running)
			mu.Unlock()
			<-hold
			mu.Lock()
			running--
			mu.Unlock()
		}
		places := full(h)
		results := make(chan error, places)
		for i := range places {
			go func() { results <- h.do(t.Context(), networkOf(i), work) }()
		}
		synctest.Wait()
		require.Equal(t, 2, running)
		hashing, waiting := h.load()
		require.Equal(t, 2, hashing)
		require.Equal(t, places-2, waiting)
		require.ErrorIs(t, h.do(t.Context(), networkOf(places), work), errBusy, "the queue has no bound")

		close(hold)
		for range places {
			require.NoError(t, <-results)
		}
		require.Equal(t, 2, peak)
		require.NoError(t, h.do(t.Context(), alice, func() {}), "places in the queue are lost")
	})
}

func TestNobodyWaitsLongerForAHashThanThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1, true)
		var refused, served int
		var longest time.Duration
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 5000 { // two minutes of logins, 40 a second, each of which takes 100 ms
			time.Sleep(25 * time.Millisecond)
			group.Go(func() {
				came := time.Now()
				err := h.do(t.Context(), networkOf(i), func() {
					mu.Lock()
					longest = max(longest, time.Since(came))
					mu.Unlock()
					time.Sleep(100 * time.Millisecond)
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					served++
					return
				}
				refused++
				require.ErrorIs(t, err, errBusy)
				require.Less(t, time.Since(came), maxWait+time.Millisecond)
			})
		}
		group.Wait()
		require.LessOrEqual(t, longest, maxWait)
		require.InDelta(t, 1250, served, 50, "those who are served keep it busy")
		require.Equal(t, 5000-served, refused)
	})
}

func TestAClientNetworkHasAQuarterOfTheQueueAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1, true)
		hold := make(chan struct{})
		var group sync.WaitGroup
		for range full(h) / sharesPerQueue {
			group.Go(func() { require.NoError(t, h.do(t.Context(), alice, func() { <-hold })) })
		}
		synctest.Wait()
		require.ErrorIs(t, h.do(t.Context(), alice, func() {}), errBusy)
		group.Go(func() { require.NoError(t, h.do(t.Context(), networkOf(1), func() {})) })
		synctest.Wait()
		close(hold)
		group.Wait()
		require.NoError(t, h.do(t.Context(), alice, func() {}))
		require.Empty(t, h.byClient)
	})
}

func TestACallerWhoseContextEndsLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1, true)
		hold := make(chan struct{})
		go func() { _ = h.do(t.Context(), alice, func() { <-hold }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("gone"))
		require.ErrorIs(t, h.do(ctx, alice, func() { t.Error("it ran") }), context.Canceled)
		close(hold)
		synctest.Wait()
		require.Zero(t, h.queued)
		require.Empty(t, h.slots)
		require.Empty(t, h.byClient)
	})
}

func BenchmarkHash(b *testing.B) {
	h := newHasher(1, true)
	for b.Loop() {
		if _, err := h.hash(b.Context(), alice, "test123"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkArgon2id measures the lower bound of BenchmarkHash.
func BenchmarkArgon2id(b *testing.B) {
	salt := random(saltLength)
	for b.Loop() {
		argon2.IDKey([]byte("test123"), salt, current.passes, current.memory, current.threads, keyLength)
	}
}
