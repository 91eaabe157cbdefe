package soak

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Receiver takes the events of a webhook. It fails at times, is slow at times, and checks signatures and the order of the
// events of each order. It keeps a bit for each event.
type Receiver struct {
	secret []byte
	server *http.Server

	mu       sync.Mutex
	taken    []uint64 // bits, by the id of the event
	distinct int
	calls    int
	versions map[string]int // of orders that may have more events
	faults   []string
	wrong    int
}

const (
	slowest   = 11 * time.Second // one more than the service waits
	slow      = 2 * time.Second
	quick     = 5 * time.Millisecond
	maxEvents = 1 << 32
)

// Listen starts a receiver on an address for messages that are signed with a secret of Standard Webhooks.
func Listen(ctx context.Context, address, secret string) (*Receiver, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return nil, err
	}
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	r := &Receiver{secret: key, versions: map[string]int{}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: slowest}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Close stops the receiver.
func (r *Receiver) Close() error { return r.server.Close() }

// ServeHTTP takes an event. One call in a hundred fails, one is slow, and one in a thousand gets no answer in time.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.calls++
	r.mu.Unlock()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	if err := r.verify(request.Header, body); err != nil {
		r.fault(err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch dice := rand.IntN(1000); {
	case dice < 10:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case dice < 20:
		sleep(request.Context(), slow)
	case dice < 21:
		sleep(request.Context(), slowest)
		return // too late: the event is not taken
	default:
		sleep(request.Context(), quick)
	}
	if err := r.take(request.Header.Get("Webhook-Id"), body); err != nil {
		r.fault(err)
	}
	w.WriteHeader(http.StatusNoContent)
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (r *Receiver) verify(header http.Header, body []byte) error {
	mac := hmac.New(sha256.New, r.secret)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); header.Get("Webhook-Signature") != want {
		return fmt.Errorf("webhook %s: the signature is %q instead of %q", header.Get("Webhook-Id"), header.Get("Webhook-Signature"), want)
	}
	return nil
}

// take records an event. Its error says that it came before another one of its order.
func (r *Receiver) take(id string, body []byte) error {
	event, err := strconv.ParseUint(strings.TrimPrefix(id, "evt_"), 10, 64)
	var message struct {
		Data struct {
			ID, Status string
			Version    int
		}
	}
	if err := errors.Join(err, json.Unmarshal(body, &message)); err != nil || event >= maxEvents {
		return fmt.Errorf("webhook %q: %w: %s", id, err, short(body))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	const bits = 64
	for uint64(len(r.taken)) <= event/bits {
		r.taken = append(r.taken, make([]uint64, 1+len(r.taken))...)
	}
	if r.taken[event/bits]&(1<<(event%bits)) != 0 {
		return nil // again
	}
	r.taken[event/bits] |= 1 << (event % bits)
	r.distinct++
	order := message.Data
	before := r.versions[order.ID]
	if r.versions[order.ID] = order.Version; order.Status == "cancelled" || order.Status == "completed" {
		delete(r.versions, order.ID)
	}
	if order.Version != before+1 {
		return fmt.Errorf("webhook %s: version %d of order %s follows version %d", id, order.Version, order.ID, before)
	}
	return nil
}

func (r *Receiver) fault(err error) {
	const kept = 20
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong++; len(r.faults) < kept {
		r.faults = append(r.faults, err.Error())
	}
}

// counts returns the number of calls, and of different events that were taken.
func (r *Receiver) counts() (calls, distinct int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls, r.distinct
}
