package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"userorder/httpapi"
)

// errBusy means that a password would have to wait for too long to be hashed.
var errBusy = httpapi.NewError(http.StatusServiceUnavailable, httpapi.Text{ZH: "服务繁忙，请稍后重试", EN: "busy, try again later"}).After(3 * time.Second)

const (
	// maxWait bounds the wait for a hash. A caller that would wait longer gets errBusy at once.
	maxWait = 3 * time.Second

	// firstGuess is how long a hash is thought to take until one was measured.
	firstGuess = 25 * time.Millisecond

	// sharesPerQueue is how many client networks fill the queue: one of them has at most a quarter.
	sharesPerQueue = 4
)

// hasher hashes passwords, a few at a time. A hash takes 19 MiB and a whole core: without a bound, a flood of logins would
// starve everything else of both.
type hasher struct {
	slots chan struct{} // one for each hash that runs
	decoy string        // the hash that names without an account are compared with
	fair  bool          // a client network may have only a part of the queue

	mu       sync.Mutex
	queued   int                  // running or waiting
	byClient map[netip.Prefix]int // of those
	average  time.Duration        // how long a hash takes, of late
}

// newHasher returns a hasher that runs concurrency hashes at once. If it is fair, a client network may have a quarter of
// the queue at most.
func newHasher(concurrency int, fair bool) *hasher {
	h := &hasher{slots: make(chan struct{}, concurrency), fair: fair, byClient: map[netip.Prefix]int{}, average: firstGuess}
	h.decoy = encode(current, random(saltLength), random(keyLength))
	return h
}

// hash returns the PHC string of a password under a new salt. It blocks until its turn has come, for three seconds at
// most, and returns errBusy at once if it would take longer, or if the client's network has its part of the queue.
func (h *hasher) hash(ctx context.Context, client netip.Prefix, password string) (encoded string, err error) {
	salt := random(saltLength)
	err = h.do(ctx, client, func() { encoded = encode(current, salt, current.key(password, salt, keyLength)) })
	return encoded, err
}

// verify reports whether encoded is the hash of password, and whether it was made with other parameters than current. It
// blocks and fails as hash does.
func (h *hasher) verify(ctx context.Context, client netip.Prefix, password, encoded string) (ok, outdated bool, err error) {
	cost, salt, want, err := decode(encoded)
	if err != nil {
		return false, false, err
	}
	var got []byte
	err = h.do(ctx, client, func() { got = cost.key(password, salt, len(want)) })
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, cost != current, err
}

// do runs work when its turn has come.
func (h *hasher) do(ctx context.Context, client netip.Prefix, work func()) error {
	if !h.enter(client) {
		return errBusy
	}
	defer h.leave(client)
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-late.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	start := time.Now()
	work()
	h.measured(time.Since(start))
	return nil
}

// enter takes a place in the queue, and reports whether there was one.
func (h *hasher) enter(client netip.Prefix) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	places := h.places()
	if h.queued >= places || h.fair && h.byClient[client] >= max(1, places/sharesPerQueue) {
		return false
	}
	h.queued++
	h.byClient[client]++
	return true
}

// places returns how many hashes may run and wait, so that the last of them waits for maxWait.
func (h *hasher) places() int {
	return cap(h.slots) * (1 + int(maxWait/max(h.average, time.Millisecond)))
}

func (h *hasher) leave(client netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queued--
	if h.byClient[client]--; h.byClient[client] == 0 {
		delete(h.byClient, client)
	}
}

func (h *hasher) measured(took time.Duration) {
	const weight = 8 // of the past
	h.mu.Lock()
	defer h.mu.Unlock()
	h.average += (took - h.average) / weight
}

// load returns how many hashes are running and how many wait.
func (h *hasher) load() (running, waiting int) {
	running = len(h.slots) // first: a hash that starts meanwhile still counts as waiting
	h.mu.Lock()
	defer h.mu.Unlock()
	return running, max(0, h.queued-running)
}

// random returns length random bytes.
func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	return b
}
