package user

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

// cheap is a cost for tests that are not about the cost.
var cheap = argon2id{memory: 64, passes: 1, threads: 1}

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
	require.NotEqual(t, encoded, again, "two hashes have one salt")
}

func TestAHashOfAnotherCostIsOutdated(t *testing.T) {
	salt := []byte("0123456789abcdef")
	encoded := encode(cheap, salt, cheap.key("test123", salt, 32))
	ok, outdated, err := newHasher(1).verify(t.Context(), "test123", encoded)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, outdated)
}

// The reference implementation's own test: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1.
func TestAHashMadeByOthersVerifies(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, _, err := newHasher(1).verify(t.Context(), "password", encoded)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestTheDecoyVerifiesNothing(t *testing.T) {
	h := newHasher(1)
	ok, outdated, err := h.verify(t.Context(), "test123", h.decoy)
	require.NoError(t, err)
	require.False(t, ok)
	require.False(t, outdated, "it costs something else than a hash of today")
}

func TestDecodeRefusesWhatIsNoHashOrCostsTooMuch(t *testing.T) {
	const salt, key = "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	_, _, _, err := decode("$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key)
	require.NoError(t, err)
	for name, encoded := range map[string]string{
		"nothing":                 "",
		"a plain password":        "test123",
		"another algorithm":       "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"another version":         "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"no passes":               "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"no threads":              "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"a million passes":        "$argon2id$v=19$m=64,t=1000000,p=1$" + salt + "$" + key,
		"a terabyte of memory":    "$argon2id$v=19$m=1073741824,t=1,p=1$" + salt + "$" + key,
		"less memory than lawful": "$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + key,
		"a negative cost":         "$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key,
		"no salt":                 "$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"no key":                  "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"a key of one byte":       "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$MA",
		"a part too many":         "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$" + key,
		"broken base64":           "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("!", 43),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := decode(encoded)
			require.ErrorIs(t, err, errHash)
		})
	}
}

func TestTheHasherBoundsWhatRunsAndWhatWaits(t *testing.T) {
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
		require.ErrorIs(t, h.do(t.Context(), work), ErrBusy, "the queue has no end")

		close(hold)
		for range 2 * (1 + waitingPerHash) {
			require.NoError(t, <-results)
		}
		require.Equal(t, 2, peak)
		require.NoError(t, h.do(t.Context(), func() {}), "the places were not given back")
	})
}

func TestACallerWhoseContextEndsLeavesTheQueueOfTheHasher(t *testing.T) {
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

// BenchmarkArgon2id is what BenchmarkHash could reach at best.
func BenchmarkArgon2id(b *testing.B) {
	salt := random(saltLength)
	for b.Loop() {
		argon2.IDKey([]byte("test123"), salt, current.passes, current.memory, current.threads, keyLength)
	}
}
