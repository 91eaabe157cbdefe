package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACacheHasABound(t *testing.T) {
	c := newCache()
	key := func(i int) [sha256.Size]byte {
		return sha256.Sum256(binary.AppendVarint(nil, int64(i)))
	}
	for i := range 2 * maxVerified {
		c.put(key(i), verified{caller: &Caller{UserID: int64(i)}})
		v, ok := c.get(key(i))
		require.True(t, ok, "the last entry is missing")
		require.EqualValues(t, i, v.caller.UserID)
	}
	require.Len(t, c.tokens, maxVerified)
	c.drop(key(2*maxVerified - 1))
	_, ok := c.get(key(2*maxVerified - 1))
	require.False(t, ok)
}
