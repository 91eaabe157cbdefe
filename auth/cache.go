package auth

import (
	"crypto/sha256"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// maxVerified bounds the memory of a cache: some 2 MB.
const maxVerified = 8192

// cache remembers tokens whose signature and form were found good, which does not change as long as the secrets
// do not, so that a client's next request need not pay for that again. What changes with time is checked each time.
// A token is known by its SHA-256, so that the cache itself holds none that could be used. It is safe for concurrent use.
type cache struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]verified
}

// verified is what a token says.
type verified struct {
	caller *Caller
	times  jwt.RegisteredClaims // without the claims that are no times
}

func newCache() *cache { return &cache{tokens: map[[sha256.Size]byte]verified{}} }

func (c *cache) get(key [sha256.Size]byte) (v verified, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok = c.tokens[key]
	return v, ok
}

// put drops any other token if there is no room: who comes often is soon back.
func (c *cache) put(key [sha256.Size]byte, v verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) >= maxVerified {
		for other := range c.tokens { // in no order
			delete(c.tokens, other)
			break
		}
	}
	c.tokens[key] = v
}

func (c *cache) drop(key [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, key)
}
