// Package auth is the token floor: it issues and verifies the JSON Web Tokens (RFC 7519) that callers
// present, keeps the secret they are signed with, and guards routes. It must not know any module or any
// table of users.
package auth

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"userorder/httpapi"
)

const (
	// maxLife is how far away the exp of a token may be, unless TTL is longer.
	maxLife = 24 * time.Hour

	// leeway is how much the clock of the replica that issued a token may be ahead of ours. The end of a
	// token has none.
	leeway = 5 * time.Second
)

// Config is what NewTokens needs.
type Config struct {
	Secret   []byte           // signs and verifies; at least 32 bytes
	Previous []byte           // verifies only; empty, or at least 32 bytes
	TTL      time.Duration    // life of a token, at least a second
	Now      func() time.Time // nil is time.Now
}

// Tokens issues and verifies tokens. It is safe for concurrent use.
type Tokens struct {
	secret    []byte
	keys      jwt.VerificationKeySet
	parser    *jwt.Parser    // checks all but the times
	validator *jwt.Validator // checks the times
	cache     *cache
	ttl       time.Duration
	now       func() time.Time
}

// NewTokens returns an error if a secret is weak or the TTL too short.
func NewTokens(cfg Config) (*Tokens, error) {
	t := &Tokens{secret: cfg.Secret, cache: newCache(), ttl: cfg.TTL.Truncate(time.Second), now: cfg.Now}
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
			return nil, err
		}
		t.keys.Keys = append(t.keys.Keys, secret)
	}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(),
	)
	t.validator = jwt.NewValidator(jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now))
	return t, nil
}

// TTL returns the life of a token, in whole seconds.
func (t *Tokens) TTL() time.Duration { return t.ttl }

// Issue returns a token for caller, good from now for TTL.
func (t *Tokens) Issue(caller Caller) (token string, err error) {
	now := t.now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   strconv.FormatInt(caller.UserID, 10),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.ttl)),
			ID:        rand.Text(),
		},
	}
	if caller.Role == Staff {
		c.Role = Staff
	}
	if caller.SessionID != 0 {
		c.SessionID = strconv.FormatInt(caller.SessionID, 10)
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

// Verify returns who a token was issued to. It refuses what golang-jwt lets pass as well: an
// unknown crit (RFC 7515, section 4.1.11), another typ, claims given twice or in another case, an iat in
// the future, a life that we would not have given it, line breaks.
func (t *Tokens) Verify(token string) (Caller, error) {
	caller, err := t.verify(token)
	if err != nil {
		return Caller{}, err
	}
	return *caller, nil
}

// verify is Verify without a copy: callers must not change what it returns.
func (t *Tokens) verify(token string) (*Caller, error) {
	key := sha256.Sum256([]byte(token))
	v, known := t.cache.get(key)
	if !known {
		var err error
		if v, err = t.parse(token); err != nil {
			return nil, err
		}
	}
	if err := t.checkTimes(v.times); err != nil {
		if known {
			t.cache.drop(key)
		}
		return nil, err
	}
	if !known {
		t.cache.put(key, v)
	}
	return v.caller, nil
}

// parse checks all of a token that does not depend on the time.
func (t *Tokens) parse(token string) (v verified, err error) {
	if strings.ContainsAny(token, "\r\n") { // Go's base64 skips them, even where it is strict
		return v, errors.New("token holds a line break")
	}
	var c claims
	parsed, err := t.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.keys, nil })
	if err != nil {
		return v, fmt.Errorf("parse token: %w", err)
	}
	if _, ok := parsed.Header["crit"]; ok {
		return v, errors.New("token has a crit header, and we know no extension")
	}
	if typ, ok := parsed.Header["typ"]; ok && typ != "JWT" {
		return v, errors.New("token is not of type JWT")
	}
	caller, err := c.caller()
	if err != nil {
		return v, err
	}
	return verified{caller: caller, times: jwt.RegisteredClaims{
		ExpiresAt: c.ExpiresAt, NotBefore: c.NotBefore, IssuedAt: c.IssuedAt,
	}}, nil
}

// checkTimes checks all of a token that depends on the time.
func (t *Tokens) checkTimes(times jwt.RegisteredClaims) error {
	if err := t.validator.Validate(times); err != nil {
		return fmt.Errorf("validate token: %w", err)
	}
	now := t.now()
	if times.IssuedAt != nil && times.IssuedAt.After(now.Add(leeway)) {
		return errors.New("token is from the future")
	}
	if times.ExpiresAt.After(now.Add(max(maxLife, t.ttl) + leeway)) {
		return errors.New("token lives longer than any that we issue")
	}
	return nil
}

// claims are the claims that we know, read strictly.
type claims struct {
	jwt.RegisteredClaims
	Role      Role   `json:"role,omitempty"` // Staff, or missing for a customer
	SessionID string `json:"sid,omitempty"`
}

// caller returns whom the claims name.
func (c *claims) caller() (*Caller, error) {
	userID, ok := httpapi.ParseID(c.Subject)
	if !ok {
		return nil, errors.New("token has no user id as its sub")
	}
	caller := &Caller{UserID: userID, Role: cmp.Or(c.Role, Customer)}
	caller.SessionID, _ = httpapi.ParseID(c.SessionID) // UnmarshalJSON has seen it
	return caller, nil
}

// UnmarshalJSON refuses a claim that is given twice or in another case, a date that is not a number or
// beyond all dates, and a role or a session that we would not have written: encoding/json or golang-jwt would take
// them all.
func (c *claims) UnmarshalJSON(text []byte) error {
	object, err := httpapi.ParseObject(text)
	if err != nil {
		return err
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "role", "sid"} {
		if object.Misspelled(name) {
			return fmt.Errorf("%s is written in another case", name)
		}
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if value, ok := object[name]; ok && !isDate(value) {
			return fmt.Errorf("%s is not a date", name)
		}
	}
	type plain claims // without this method
	if err := json.Unmarshal(text, (*plain)(c)); err != nil {
		return err
	}
	if _, ok := object["role"]; ok && c.Role != Staff {
		return errors.New("role is none that we know")
	}
	if _, ok := object["sid"]; ok {
		if _, ok := httpapi.ParseID(c.SessionID); !ok {
			return errors.New("sid is not an id")
		}
	}
	return nil
}

// isDate reports whether a value is a number of seconds that golang-jwt can convert. One beyond int64 it
// takes for long ago, so that a token from the far future would pass.
func isDate(value json.RawMessage) bool {
	seconds, err := strconv.ParseFloat(string(value), 64)
	return err == nil && math.Abs(seconds) < 1<<53
}
