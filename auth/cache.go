package auth

import (
	"crypto/sha256"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// maxVerified bounds the memory of a cache to about 2 MB.
const maxVerified = 8192

// cache keeps successful verifications, keyed by SHA-256 so that it holds no usable token. Times are checked on every
// request; nothing else changes while the secrets stay. It is safe for concurrent use.
type cache struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]verified
}

// verified is the content of a token that passed all checks but those of its times.
type verified struct {
	caller *Caller
	issued bool // it has an iss
	issuer string
	times  jwt.RegisteredClaims // exp, nbf and iat only
}

func newCache() *cache { return &cache{tokens: map[[sha256.Size]byte]verified{}} }

func (c *cache) get(key [sha256.Size]byte) (v verified, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok = c.tokens[key]
	return v, ok
}

// put evicts a random entry when full; a token in use is cached again by its next request.
func (c *cache) put(key [sha256.Size]byte, v verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) >= maxVerified {
		for other := range c.tokens { // in random order
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
