// Package receiver takes the events of a webhook, each after the time that a receiver needs for its work, and counts them.
// It costs as little CPU as a receiver can, since it shares the cores with the service that is measured.
package receiver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Path is where the receiver takes events.
const Path = "/hook"

const (
	health  = "/healthz"
	taken   = "/taken"
	hold    = "/hold"
	release = "/release"
)

// work is how long the receiver takes to answer an event.
const work = 10 * time.Millisecond

// receiver counts events by their ids, so that an event that is sent twice counts once.
type receiver struct {
	mu   sync.Mutex
	ids  map[string]struct{}
	open chan struct{} // closed unless calls are held
}

func newReceiver() *receiver {
	open := make(chan struct{})
	close(open)
	return &receiver{ids: map[string]struct{}{}, open: open}
}

// Serve takes events on a port of the loopback interface until ctx ends.
func Serve(ctx context.Context, port int) error {
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return newReceiver().serve(ctx, listener)
}

func (r *receiver) serve(ctx context.Context, listener net.Listener) error {
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			defer func() { _ = conn.Close() }()
			r.talk(conn)
		}()
	}
	return nil
}

// talk answers the requests of a connection until it ends or one is malformed. It does without the server of net/http, which
// needs more CPU.
func (r *receiver) talk(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if _, err := conn.Write(r.answer(request)); err != nil || request.Close {
			return
		}
	}
}

var (
	accepted = []byte("HTTP/1.1 204 No Content\r\n\r\n")
	refused  = []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
)

func (r *receiver) answer(request *http.Request) []byte {
	switch request.URL.Path {
	case Path:
		return r.take(request)
	case hold:
		r.hold()
	case release:
		r.release()
	case taken, health:
		count := strconv.Itoa(r.count())
		return []byte("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(count)) + "\r\n\r\n" + count)
	default:
		return refused
	}
	return accepted
}

// take takes an event. One that is held still takes its time afterwards.
func (r *receiver) take(request *http.Request) []byte {
	id := request.Header.Get("Webhook-Id")
	if request.Method != http.MethodPost || id == "" {
		return refused
	}
	<-r.gate()
	time.Sleep(work)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id] = struct{}{}
	return accepted
}

func (r *receiver) gate() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

func (r *receiver) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOpen() {
		r.open = make(chan struct{})
	}
}

func (r *receiver) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isOpen() {
		close(r.open)
	}
}

// isOpen reports whether calls are answered. The caller holds mu.
func (r *receiver) isOpen() bool {
	select {
	case <-r.open:
		return true
	default:
		return false
	}
}

// Hold has the receiver on address leave calls unanswered until Release.
func Hold(ctx context.Context, address string) error {
	_, err := ask(ctx, http.MethodPost, address, hold)
	return err
}

// Release has the receiver on address answer all calls again.
func Release(ctx context.Context, address string) error {
	_, err := ask(ctx, http.MethodPost, address, release)
	return err
}

// Taken returns how many events the receiver on address has taken since its start. An event that came twice counts once.
func Taken(ctx context.Context, address string) (int, error) {
	text, err := ask(ctx, http.MethodGet, address, taken)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// patience is the timeout of a question to the receiver.
const patience = 10 * time.Second

func ask(ctx context.Context, method, address, path string) (body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return "", fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return string(text), nil
}
