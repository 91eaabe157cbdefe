package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"userorder/httpapi"
)

// ErrBusy means that as many passwords wait to be hashed as can be hashed in a time that people wait.
var ErrBusy = &httpapi.Error{
	Status: http.StatusServiceUnavailable, Code: http.StatusServiceUnavailable,
	Msg:        httpapi.Text{ZH: "服务繁忙，请稍后重试", EN: "busy, try again later"},
	RetryAfter: 3 * time.Second,
}

// argon2id is the cost of a hash (RFC 9106).
type argon2id struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// current is what OWASP's Password Storage Cheat Sheet recommends.
var current = argon2id{memory: 19456, passes: 2, threads: 1}

const saltLength, keyLength = 16, 32 // bytes

// waitingPerHash bounds the queue for each hash that may run: at some 20 ms a hash, the last one in it
// waits for two to three seconds.
const waitingPerHash = 128

// hasher hashes passwords, a few at a time: each takes 19 MiB and a whole core, so that without a bound
// a flood of logins would take the memory and the time that everything else needs.
type hasher struct {
	running chan struct{}
	queued  chan struct{} // running or waiting
	decoy   string        // a hash for names that nobody has
}

func newHasher(concurrency int) *hasher {
	h := &hasher{
		running: make(chan struct{}, concurrency),
		queued:  make(chan struct{}, concurrency*(1+waitingPerHash)),
	}
	h.decoy = encode(current, random(saltLength), random(keyLength))
	return h
}

// hash returns the PHC string of a password under a new salt. It blocks while others are hashed, and
// returns ErrBusy if too many wait already.
func (h *hasher) hash(ctx context.Context, password string) (encoded string, err error) {
	salt := random(saltLength)
	err = h.do(ctx, func() { encoded = encode(current, salt, current.key(password, salt, keyLength)) })
	return encoded, err
}

// verify reports whether password has the hash, and whether that hash is of another cost than a new one.
// It blocks as hash does.
func (h *hasher) verify(ctx context.Context, password, encoded string) (ok, outdated bool, err error) {
	cost, salt, want, err := decode(encoded)
	if err != nil {
		return false, false, err
	}
	var got []byte
	err = h.do(ctx, func() { got = cost.key(password, salt, len(want)) })
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, cost != current, err
}

func (h *hasher) do(ctx context.Context, work func()) error {
	select {
	case h.queued <- struct{}{}:
		defer func() { <-h.queued }()
	default:
		return ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return ctx.Err()
	}
	work()
	return nil
}

// load is how many passwords are hashed at this moment, and how many wait for it.
func (h *hasher) load() (running, queued int) {
	running = len(h.running) // first: whoever starts meanwhile still counts as one that waits
	return running, max(0, len(h.queued)-running)
}

func (a argon2id) key(password string, salt []byte, length int) []byte {
	return argon2.IDKey([]byte(password), salt, a.passes, a.memory, a.threads, uint32(length)) //nolint:gosec // decode bounds it
}

func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	return b
}

// phc is the form of a hash as others write and read it, too:
// https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
const phc = "$argon2id$v=%d$m=%d,t=%d,p=%d$"

var base64PHC = base64.RawStdEncoding.Strict()

func encode(a argon2id, salt, key []byte) string {
	return fmt.Sprintf(phc, argon2.Version, a.memory, a.passes, a.threads) +
		base64PHC.EncodeToString(salt) + "$" + base64PHC.EncodeToString(key)
}

var errHash = errors.New("not the PHC string of an argon2id hash within bounds")

// decode reads a PHC string. Its bounds keep a row that somebody tampered with from taking all memory or
// from panicking in argon2.
func decode(encoded string) (a argon2id, salt, key []byte, err error) {
	var version int
	if _, err := fmt.Sscanf(encoded, phc, &version, &a.memory, &a.passes, &a.threads); err != nil {
		return a, nil, nil, errHash
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || version != argon2.Version {
		return a, nil, nil, errHash
	}
	salt, saltErr := base64PHC.DecodeString(parts[4])
	key, keyErr := base64PHC.DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil, len(salt) < 8, len(salt) > 64, len(key) < 16, len(key) > 64,
		a.memory < 8*uint32(a.threads), a.memory > 1<<20, a.passes < 1, a.passes > 16, a.threads < 1, a.threads > 16:
		return a, nil, nil, errHash
	}
	return a, salt, key, nil
}
