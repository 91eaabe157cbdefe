// Package auth issues and verifies the JSON Web Tokens (RFC 7519) that callers present, keeps the secret that signs
// them, and guards routes. It knows no module and no table of users.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxLife is how far ahead the exp of a token may be, unless TTL is longer.
	maxLife = 24 * time.Hour

	// leeway is how far the clock of the issuer may be ahead of this one: it is allowed for iat, for nbf, and for maxLife,
	// so that a token with the longest life is good everywhere at once. The check for expiry allows none.
	leeway = 30 * time.Second
)

// Config configures NewTokens.
type Config struct {
	Secret   []byte           // signs and verifies; at least 32 bytes
	Previous []byte           // only verifies; empty, or at least 32 bytes
	TTL      time.Duration    // life of a token, at least a second
	Ended    *Ended           // refuses tokens of ended sessions and of other databases; nil: none
	Now      func() time.Time // nil means time.Now
}

// Tokens issues and verifies tokens. It is safe for concurrent use.
type Tokens struct {
	secret []byte
	keys   jwt.VerificationKeySet
	parser *jwt.Parser // checks everything except the times
	cache  *cache
	ttl    time.Duration
	ended  *Ended
	now    func() time.Time
}

// NewTokens returns Tokens, or an error if a secret is weak or the TTL too short.
func NewTokens(cfg Config) (*Tokens, error) {
	t := &Tokens{
		secret: cfg.Secret, cache: newCache(), ttl: cfg.TTL.Truncate(time.Second), ended: cfg.Ended, now: cfg.Now,
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.ttl <= 0 {
		return nil, errors.New("the life of a token must be at least a second")
	}
	secrets := [][]byte{cfg.Secret}
	if len(cfg.Previous) > 0 {
		secrets = append(secrets, cfg.Previous)
	}
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %w", err)
		}
		t.keys.Keys = append(t.keys.Keys, secret)
	}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(),
	)
	return t, nil
}

// TTL returns the life of a token, in whole seconds.
func (t *Tokens) TTL() time.Duration { return t.ttl }

// Issue returns a token for caller that expires after TTL. A caller without a Role is a customer.
func (t *Tokens) Issue(caller Caller) (token string, err error) {
	now := t.now()
	return t.issue(caller, now, now.Add(t.ttl))
}

func (t *Tokens) issue(caller Caller, now, expires time.Time) (token string, err error) {
	c := claimsOf(caller)
	c.Issuer = t.ended.Issuer()
	c.IssuedAt = jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(expires)
	c.ID = rand.Text()
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// Access is what a login grants, as clients see it.
type Access struct {
	Token            string `json:"token"`
	UserID           int64  `json:"userid,string"`
	ExpiresIn        int64  `json:"expires_in"` // seconds
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"` // seconds
}

// Grant returns a token of a session, which does not outlive it, and the session's refresh token.
func (t *Tokens) Grant(s Session) (Access, error) {
	now := t.now()
	left := s.ExpiresAt.Sub(now)
	life := min(t.ttl, left)
	token, err := t.issue(s.Caller(), now, now.Add(life))
	if err != nil {
		return Access{}, err
	}
	refresh := RefreshToken{SessionID: s.ID, UserID: s.UserID, Counter: s.Counter}
	return Access{
		Token: token, UserID: s.UserID, ExpiresIn: int64(life.Seconds()),
		RefreshToken: refresh.encode(refreshKey(t.secret, t.ended.Issuer())), RefreshExpiresIn: int64(left.Round(time.Second).Seconds()),
	}, nil
}

// ParseRefresh parses a refresh token that Grant returned, under any of the secrets.
func (t *Tokens) ParseRefresh(text string) (RefreshToken, error) {
	keys := make([][]byte, len(t.keys.Keys))
	for i, secret := range t.keys.Keys {
		keys[i] = refreshKey(secret.([]byte), t.ended.Issuer())
	}
	return decodeRefresh(text, keys)
}

// Verify returns the caller of a valid token. It also refuses what golang-jwt accepts: a crit header (RFC 7515, section
// 4.1.11), a typ other than JWT, any aud, another iss, duplicate claims or claims in another case, an iat in the future, a longer life
// than a token of ours has, and line breaks. An iat or nbf may be 30 s ahead, for replicas with different clocks.
func (t *Tokens) Verify(token string) (Caller, error) {
	caller, err := t.verify(token)
	if err != nil {
		return Caller{}, err
	}
	return *caller, nil
}

// verify is Verify without the copy: the caller is shared with the cache and must not be modified.
func (t *Tokens) verify(token string) (*Caller, error) {
	key := sha256.Sum256([]byte(token))
	v, cached := t.cache.get(key)
	if !cached {
		var err error
		if v, err = t.parse(token); err != nil {
			return nil, err
		}
	}
	if err := t.checkTimes(v.times); err != nil {
		if cached {
			t.cache.drop(key)
		}
		return nil, err
	}
	if !cached {
		t.cache.put(key, v)
	}
	if err := t.ended.check(v); err != nil {
		return nil, err
	}
	return v.caller, nil
}

// parse makes all checks that do not depend on the time.
func (t *Tokens) parse(token string) (v verified, err error) {
	if strings.ContainsAny(token, "\r\n") { // encoding/base64 skips them, even in strict mode
		return v, refuse(malformed, "token contains a line break")
	}
	var c claims
	parsed, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.keys, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return v, refuse(malformed, "parse token: %w", err)
	case err != nil:
		return v, refuse(invalidSignature, "parse token: %w", err)
	}
	if _, ok := parsed.Header["crit"]; ok {
		return v, refuse(unsupported, "token has a crit header, but no extension is supported")
	}
	if typ, ok := parsed.Header["typ"]; ok && typ != "JWT" {
		return v, refuse(unsupported, "token has a typ other than JWT")
	}
	caller, err := c.caller()
	if err != nil {
		return v, err
	}
	return verified{caller: caller, issued: c.issued, issuer: c.Issuer, times: jwt.RegisteredClaims{
		ExpiresAt: c.ExpiresAt, NotBefore: c.NotBefore, IssuedAt: c.IssuedAt,
	}}, nil
}

// checkTimes makes all checks that depend on the time. It does not use golang-jwt, whose leeway would be for exp too.
func (t *Tokens) checkTimes(times jwt.RegisteredClaims) error {
	now := t.now()
	switch latest := now.Add(leeway); {
	case times.ExpiresAt == nil:
		return refuse(unsupported, "token has no exp")
	case !now.Before(times.ExpiresAt.Time):
		return refuse(expired, "token has expired")
	case times.NotBefore != nil && times.NotBefore.After(latest):
		return refuse(notYetValid, "nbf is in the future")
	case times.IssuedAt != nil && times.IssuedAt.After(latest):
		return refuse(notYetValid, "iat is in the future")
	case times.ExpiresAt.After(latest.Add(max(maxLife, t.ttl))):
		return refuse(unsupported, "exp is too far ahead")
	}
	return nil
}
