// Package mail sends plain-text mails in the background. It owns the URL of the SMTP server, the format of a mail, the
// queue, what is tried again, and the log of mails that were not sent. It must not know what mails are about: it
// imports the standard library and go-mail alone. Nothing that it logs or returns contains the recipient, the subject
// or the text.
package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	netmail "net/mail"
	"runtime/debug"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	// maxWaiting is the maximum number of mails that are neither sent nor given up.
	maxWaiting = 1000

	// senders is the number of mails that are sent at the same time.
	senders = 4
)

// pace holds the times of a queue; tests have shorter ones.
type pace struct {
	try     time.Duration   // the maximum for one try
	retries []time.Duration // the pauses after failed tries, each ± 20 %
	grace   time.Duration   // how long Close waits for mails being sent
	cutOff  time.Duration   // how long Close waits for senders after it has cancelled their contexts
}

// Config is what a Queue needs. All exported fields are required.
type Config struct {
	Server Server          // from ParseURL
	From   netmail.Address // from ParseAddress
	Log    *slog.Logger

	// Tests set these; nil means the network and the system's certificates.
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	roots *x509.CertPool
}

// Stats counts the mails of a Queue since NewQueue.
type Stats struct {
	Sent    int64 // accepted by the server
	Failed  int64 // refused, given up or not written
	Waiting int   // being sent, or waiting for their first try or a retry; after Close, those that were not sent
}

// Queue sends mails in the background. It keeps them in memory only: if the process dies, waiting mails are lost. Its
// methods are safe for concurrent use.
type Queue struct {
	cfg  Config
	pace pace

	entries chan *entry // has room for all waiting mails
	ended   sync.WaitGroup
	once    sync.Once

	open    context.Context // ends as Close begins
	shut    context.CancelFunc
	sending context.Context // ends when Close cuts off mails being sent
	cut     context.CancelFunc

	mu     sync.Mutex
	closed bool
	stats  Stats
}

// entry is a mail that is waiting or being sent. At most one goroutine holds it at a time.
type entry struct {
	write   func(ctx context.Context) (*Message, error)
	message *gomail.Msg // nil until write has returned
	tries   int
}

// errNothing means that write had nothing to send.
var errNothing = errors.New("nothing to send")

// NewQueue starts a queue that sends up to four mails at a time, until Close.
//
// A try takes at most 20 seconds. It fails permanently if the server answers 5xx, and the mail is refused. After any
// other failure the mail is tried again after 10 seconds, 1 minute and 5 minutes, each ± 20 %, then given up. A mail
// may arrive twice, with the same Message-ID, if the server's last answer is lost. Log gets one line at WARN for each
// mail that is refused or given up, with the server's status codes but not its text.
func NewQueue(cfg Config) *Queue {
	return newQueue(cfg, pace{
		try:     20 * time.Second,
		retries: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute},
		grace:   2 * time.Second,
		cutOff:  500 * time.Millisecond,
	})
}

func newQueue(cfg Config, pace pace) *Queue {
	q := &Queue{cfg: cfg, pace: pace, entries: make(chan *entry, maxWaiting)}
	q.open, q.shut = context.WithCancel(context.Background())
	q.sending, q.cut = context.WithCancel(context.Background())
	for range senders {
		q.ended.Go(q.run)
	}
	return q
}

// Add queues a mail and never blocks. It reports false, and the mail is not sent, if 1,000 mails are waiting or after
// Close.
//
// A sender goroutine calls write once per mail, as part of the first try. Write returns a nil message if there is
// nothing to send. If it fails or panics, the mail is not tried again and Log gets an error with the text of the error
// or panic, which must not contain an address or a token. Write must return soon after ctx ends.
func (q *Queue) Add(write func(ctx context.Context) (*Message, error)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.stats.Waiting >= maxWaiting {
		return false
	}
	q.stats.Waiting++
	q.entries <- &entry{write: write}
	return true
}

// Stats returns the current numbers.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Close stops the queue: Add accepts no more mails, and those that wait for a try are dropped. It waits 2 seconds for
// mails being sent, then cuts off their connections. It returns within 3 seconds; a write that ignores its context is
// left behind. Log gets one line with the number of mails that were not sent, if any. Close may be called more than
// once, and for a nil Queue, which does nothing.
func (q *Queue) Close() {
	if q == nil {
		return
	}
	q.once.Do(func() {
		q.mu.Lock()
		q.closed = true
		q.mu.Unlock()
		q.shut()
		ended := make(chan struct{})
		go func() { q.ended.Wait(); close(ended) }()
		within(q.pace.grace, ended)
		q.cut()
		within(q.pace.cutOff, ended)
		if unsent := q.Stats().Waiting; unsent > 0 {
			q.cfg.Log.Warn("mails not sent at shutdown", "count", unsent)
		}
	})
}

// run sends mails until Close.
func (q *Queue) run() {
	for {
		select {
		case <-q.open.Done():
			return
		case e := <-q.entries:
			q.deliver(e)
		}
	}
}

// deliver tries once and decides what follows. A mail that Close drops is left among those that wait, which Close
// counts. Every other mail is logged before it is counted.
func (q *Queue) deliver(e *entry) {
	if q.open.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(q.sending, q.pace.try)
	defer cancel()
	err := q.try(ctx, e)
	var failed *failure
	var panicked *panicError
	switch {
	case err == nil:
		q.settle(&q.stats.Sent)
	case errors.Is(err, errNothing):
		q.settle(new(int64))
	case errors.As(err, &panicked):
		q.cfg.Log.Error("mail panicked", "error", err, "stack", string(panicked.stack))
		q.settle(&q.stats.Failed)
	case q.sending.Err() != nil: // cut off
	case !errors.As(err, &failed):
		q.cfg.Log.Error("mail not written", "error", err)
		q.settle(&q.stats.Failed)
	case failed.permanent || e.tries > len(q.pace.retries):
		q.warn(failed, e.tries)
		q.settle(&q.stats.Failed)
	default:
		time.AfterFunc(jitter(q.pace.retries[e.tries-1]), func() { q.entries <- e })
	}
}

// try calls write unless an earlier try did, and sends the message. The error is a *failure, a *panicError, errNothing
// or the error of write.
func (q *Queue) try(ctx context.Context, e *entry) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	if e.message == nil {
		message, err := e.write(ctx)
		if err != nil {
			return err
		}
		if message == nil {
			return errNothing
		}
		if e.message, err = compose(q.cfg.From, message); err != nil {
			return err
		}
	}
	e.tries++
	return q.cfg.send(ctx, e.message)
}

// settle counts a mail that is no longer waiting.
func (q *Queue) settle(count *int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Waiting--
	*count++
}

// warn logs a mail that will not be sent.
func (q *Queue) warn(failed *failure, tries int) {
	text := "mail given up"
	if failed.permanent {
		text = "mail refused"
	}
	q.cfg.Log.Warn(text, append(failed.attributes(), "tries", tries)...)
}

// panicError is the error of a try that panicked.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// jitter returns a duration within 20 % of d.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

// within waits until ended is closed, for d at most.
func within(d time.Duration, ended <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}
