package user

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

func TestAHashVerifiesItsPasswordAndNoOther(t *testing.T) {
	h := newHasher(1)
	encoded, err := h.hash(t.Context(), "test123")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, encoded)
	for password, want := range map[string]bool{"test123": true, "test124": false, "Test123": false, "": false} {
		ok, outdated, err := h.verify(t.Context(), password, encoded)
		require.NoError(t, err)
		require.Equal(t, want, ok)
		require.False(t, outdated)
	}
	again, err := h.hash(t.Context(), "test123")
	require.NoError(t, err)
	require.NotEqual(t, encoded, again, "two hashes share a salt")
}

func TestAHashWithOtherParametersIsOutdated(t *testing.T) {
	salt := []byte("0123456789abcdef")
	encoded := encode(cheap, salt, cheap.key("test123", salt, 32))
	ok, outdated, err := newHasher(1).verify(t.Context(), "test123", encoded)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, outdated)
}

func TestTheDecoyVerifiesNothing(t *testing.T) {
	h := newHasher(1)
	ok, outdated, err := h.verify(t.Context(), "test123", h.decoy)
	require.NoError(t, err)
	require.False(t, ok)
	require.False(t, outdated, "its cost differs from that of a new hash")
}

func TestTheHasherBoundsHowManyHashesRunAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(2)
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
		results := make(chan error, 1000)
		for range 2 * (1 + waitingPerHash) {
			go func() { results <- h.do(t.Context(), work) }()
		}
		synctest.Wait()
		require.Equal(t, 2, running)
		hashing, queued := h.load()
		require.Equal(t, 2, hashing)
		require.Equal(t, 2*waitingPerHash, queued)
		require.ErrorIs(t, h.do(t.Context(), work), errBusy, "the queue has no bound")

		close(hold)
		for range 2 * (1 + waitingPerHash) {
			require.NoError(t, <-results)
		}
		require.Equal(t, 2, peak)
		require.NoError(t, h.do(t.Context(), func() {}), "places in the queue are lost")
	})
}

func TestACallerWhoseContextEndsLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1)
		hold := make(chan struct{})
		go func() { _ = h.do(t.Context(), func() { <-hold }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("gone"))
		require.ErrorIs(t, h.do(ctx, func() { t.Error("it ran") }), context.Canceled)
		close(hold)
		synctest.Wait()
		require.Empty(t, h.queued)
		require.Empty(t, h.running)
	})
}

func BenchmarkHash(b *testing.B) {
	h := newHasher(1)
	for b.Loop() {
		if _, err := h.hash(b.Context(), "test123"); err != nil {
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
