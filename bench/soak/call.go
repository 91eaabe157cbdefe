package soak

import (
	"bytes"
	"context"
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

// answer is what a response has to be: its status, and the code of the envelope.
type answer struct{ status, code int }

var (
	fine         = answer{http.StatusOK, 0}
	failure      = answer{http.StatusOK, 1}
	malformed    = answer{http.StatusBadRequest, http.StatusBadRequest}
	unauthorized = answer{http.StatusUnauthorized, http.StatusUnauthorized}
	forbidden    = answer{http.StatusForbidden, http.StatusForbidden}
	noRoute      = answer{http.StatusNotFound, http.StatusNotFound}
	noMethod     = answer{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed}
	wrongType    = answer{http.StatusUnsupportedMediaType, http.StatusUnsupportedMediaType}
	stale        = answer{http.StatusPreconditionFailed, http.StatusPreconditionFailed}
	keyUsed      = answer{http.StatusUnprocessableEntity, http.StatusUnprocessableEntity}
	limited      = answer{http.StatusTooManyRequests, http.StatusTooManyRequests}
)

// call is a request and what is expected of its response.
type call struct {
	class, kind        string
	method, path, body string
	token, from        string // the client's token, and its address
	key, match         string // Idempotency-Key and If-Match
	text               bool   // the body is sent as text/plain
	once               bool   // on a connection of its own
	want               []answer
	has                string    // a part of the body
	due                time.Time // when the request should have been sent; zero: when it was
}

// reply is a response. Its data is that of the envelope.
type reply struct {
	ok       bool // it was one of the expected ones
	answer   answer
	body     []byte
	replayed bool
	Data     struct {
		ID           string
		UserID       string
		Status       string
		Version      int
		Next         string
		Token        string
		RefreshToken string `json:"refresh_token"`
		Webhooks     []struct{ Waiting int }
	}
}

// patience is the timeout of a request. It is long, since it is no failure of the service that others use the machine.
const patience = time.Minute

// newClient returns a client that keeps some connections to each address, and how many are open to it.
func newClient() (*http.Client, *connections) {
	open := &connections{count: map[string]int{}}
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, DisableCompression: true, DialContext: open.dial}
	return &http.Client{Transport: transport, Timeout: patience}, open
}

// connections counts open connections by their addresses. It is safe for concurrent use.
type connections struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *connections) add(address string, change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[address] += change
}

func (c *connections) to(address string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[address]
}

func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.add(address, 1)
	return &counted{Conn: conn, closed: sync.OnceFunc(func() { c.add(address, -1) })}, nil
}

type counted struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}

// send sends a request to a process and records its time and whether the response is wrong. A 503 that says that nothing was
// changed is obeyed: the request is repeated.
func (s *shop) send(ctx context.Context, process int, c call) reply {
	const attempts = 30 // for 90 s, if passwords are hashed too slowly
	sent := c.due
	if sent.IsZero() {
		sent = time.Now()
	}
	for attempt := 1; ; attempt++ {
		r, wait, err := s.try(ctx, process, c)
		if ctx.Err() != nil {
			return reply{}
		}
		if r.answer.status == http.StatusServiceUnavailable && wait > 0 && attempt < attempts {
			s.record.countBusy()
			select {
			case <-ctx.Done():
				return reply{}
			case <-time.After(wait):
			}
			continue
		}
		s.record.took(c.class, c.kind, time.Since(sent))
		if r.answer == limited {
			s.record.countLimited()
		}
		if err == nil {
			err = c.check(r)
		}
		if err != nil {
			s.record.fault(fmt.Sprintf("%s, %s: %s %s: %v", time.Now().UTC().Format(time.TimeOnly), c.kind, c.method, c.path, err))
			return reply{body: r.body, answer: r.answer}
		}
		r.ok = true
		return r
	}
}

func (c call) check(r reply) error {
	for _, want := range c.want {
		if r.answer == want {
			if !bytes.Contains(r.body, []byte(c.has)) {
				return fmt.Errorf("the response lacks %s: %s", c.has, short(r.body))
			}
			return nil
		}
	}
	return fmt.Errorf("%d, code %d, instead of %d: %s", r.answer.status, r.answer.code, c.want[0], short(r.body))
}

// short returns the beginning of a body.
func short(body []byte) string {
	const kept = 200
	return strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), kept)]), ""))
}

// try sends a request once. It returns how long to wait before the next attempt, if there may be one.
func (s *shop) try(ctx context.Context, process int, c call) (r reply, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, c.method, "http://"+s.addresses[process]+c.path, strings.NewReader(c.body))
	if err != nil {
		return reply{}, 0, err
	}
	request.Close = c.once
	header := request.Header
	header.Set("X-Forwarded-For", c.from)
	for name, value := range map[string]string{"Idempotency-Key": c.key, "If-Match": c.match} {
		if value != "" {
			header.Set(name, value)
		}
	}
	if c.token != "" {
		header.Set("Authorization", "Bearer "+c.token)
	}
	switch {
	case c.text:
		header.Set("Content-Type", "text/plain")
	case c.body != "":
		header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return reply{}, 0, err
	}
	r.body, err = io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return reply{}, 0, err
	}
	r.answer.status, r.replayed = response.StatusCode, response.Header.Get("Idempotent-Replayed") == "true"
	envelope := struct {
		Code int
		Data any
	}{Data: &r.Data}
	if err := json.Unmarshal(r.body, &envelope); err != nil {
		return r, 0, fmt.Errorf("%d, which is not JSON: %w: %s", r.answer.status, err, short(r.body))
	}
	r.answer.code = envelope.Code
	const unknown = "结果未知" // outcome unknown: the change may have been made
	if seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")); !bytes.Contains(r.body, []byte(unknown)) {
		wait = time.Duration(seconds) * time.Second
	}
	return r, wait, nil
}

// anywhere returns a process at random, as a proxy in front of them would.
func (s *shop) anywhere() int { return rand.IntN(len(s.addresses)) }
