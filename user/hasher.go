package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"time"

	"userorder/httpapi"
)

// errBusy means that the hashing queue is full.
var errBusy = &httpapi.Error{
	Status: http.StatusServiceUnavailable, Code: http.StatusServiceUnavailable,
	Msg:        httpapi.Text{ZH: "服务繁忙，请稍后重试", EN: "busy, try again later"},
	RetryAfter: 3 * time.Second,
}

// waitingPerHash is the length of the queue for each hash that may run at once. A hash takes some 20 ms, so the last one
// in a full queue waits two to three seconds.
const waitingPerHash = 128

// hasher hashes passwords, a few at a time. A hash takes 19 MiB and a whole core: without a bound, a flood of logins would
// starve everything else of both.
type hasher struct {
	running chan struct{}
	queued  chan struct{} // running or waiting
	decoy   string        // the hash that names without an account are compared with
}

// newHasher returns a hasher that runs concurrency hashes at once.
func newHasher(concurrency int) *hasher {
	h := &hasher{
		running: make(chan struct{}, concurrency),
		queued:  make(chan struct{}, concurrency*(1+waitingPerHash)),
	}
	h.decoy = encode(current, random(saltLength), random(keyLength))
	return h
}

// hash returns the PHC string of a password under a new salt. It blocks until its turn has come, and returns errBusy at
// once if the queue is full.
func (h *hasher) hash(ctx context.Context, password string) (encoded string, err error) {
	salt := random(saltLength)
	err = h.do(ctx, func() { encoded = encode(current, salt, current.key(password, salt, keyLength)) })
	return encoded, err
}

// verify reports whether encoded is the hash of password, and whether it was made with other parameters than current. It
// blocks and fails as hash does.
func (h *hasher) verify(ctx context.Context, password, encoded string) (ok, outdated bool, err error) {
	cost, salt, want, err := decode(encoded)
	if err != nil {
		return false, false, err
	}
	var got []byte
	err = h.do(ctx, func() { got = cost.key(password, salt, len(want)) })
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, cost != current, err
}

// do runs work when its turn has come.
func (h *hasher) do(ctx context.Context, work func()) error {
	select {
	case h.queued <- struct{}{}:
		defer func() { <-h.queued }()
	default:
		return errBusy
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

// load returns how many hashes are running and how many wait.
func (h *hasher) load() (running, queued int) {
	running = len(h.running) // first: a hash that starts meanwhile still counts as waiting
	return running, max(0, len(h.queued)-running)
}

// random returns length random bytes.
func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	return b
}
