package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
)

// host is the name of servers that are not loopback ones; dial finds them on this machine all the same.
const host = "smtp.shop.example"

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// received is a mail that a server has taken.
type received struct{ login, from, to, raw string }

// mailServer is a real SMTP server. It keeps what it took, and what came over the wire.
type mailServer struct {
	*smtp.Server
	address string
	wire    buffer
	refuse  func(rcpt int) error // may be nil; counts from 1

	mu    sync.Mutex
	rcpts int
	mails []received
}

// serve starts a server that prepare may change.
func serve(t *testing.T, prepare func(*mailServer)) *mailServer {
	t.Helper()
	s := &mailServer{}
	s.Server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: s}, nil }))
	s.ErrorLog = log.New(io.Discard, "", 0)
	if prepare != nil {
		prepare(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	listener = &tap{listener, &s.wire}
	if s.TLSConfig != nil && s.Domain == "implicit" {
		listener = tls.NewListener(listener, s.TLSConfig)
	}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *mailServer) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// session is one connection to a mailServer.
type session struct {
	server *mailServer
	mail   received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Reset()                   {}
func (s *session) Logout() error            { return nil }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "hunter2" {
			return smtp.ErrAuthFailed
		}
		s.mail.login = user + ":" + password
		return nil
	}), nil
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	s.mail.from = from
	if options.UTF8 {
		s.mail.from += " SMTPUTF8"
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.rcpts++
	if s.server.refuse == nil {
		return nil
	}
	return s.server.refuse(s.server.rcpts)
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.mail.raw = string(raw)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return err
}

// tap copies what clients send.
type tap struct {
	net.Listener
	to io.Writer
}

type tappedConn struct {
	net.Conn
	to io.Writer
}

func (l *tap) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &tappedConn{conn, l.to}, err
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_, _ = c.to.Write(p[:n])
	return n, err
}

// script starts a server that greets, then answers each line that begins with a key, or the text of a mail at its end,
// which is ".". It says nothing if there is no answer. hits counts its connections.
func script(t *testing.T, greeting string, answers map[string]string) (address string, hits func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var count atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go play(conn, greeting, answers)
		}
	}()
	return listener.Addr().String(), func() int { return int(count.Load()) }
}

// hangUp is the answer that closes the connection.
const hangUp = ""

func play(conn net.Conn, greeting string, answers map[string]string) {
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, greeting)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		for key, answer := range answers {
			if !strings.HasPrefix(lines.Text(), key) {
				continue
			}
			if answer == hangUp {
				return
			}
			_, _ = io.WriteString(conn, answer+"\r\n")
		}
	}
}

// certificate returns a certificate for host, and the pool that trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	authority := certificatetest.New(t)
	chain, key := authority.Issue(t, time.Hour, host)
	return &tls.Config{Certificates: []tls.Certificate{certificatetest.Pair(t, chain, key)}}, authority.Pool()
}

// quick is a pace for tests.
func quick() pace {
	return pace{
		try: 5 * time.Second, retries: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond},
		grace: 100 * time.Millisecond, cutOff: 500 * time.Millisecond,
	}
}

// configOf returns the configuration for a URL whose host is found at address, and its log.
func configOf(t *testing.T, url, address string) (Config, *buffer) {
	t.Helper()
	server, err := ParseURL(url)
	require.NoError(t, err)
	from, err := ParseAddress("Shop <no-reply@shop.example>")
	require.NoError(t, err)
	output := &buffer{}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return Config{Server: server, From: from, Log: slog.New(slog.NewTextHandler(output, nil)), dial: dial}, output
}

// start makes a queue that ends with the test.
func start(t *testing.T, cfg Config, pace pace) *Queue {
	t.Helper()
	q := newQueue(cfg, pace)
	t.Cleanup(q.Close)
	return q
}

// hello is a message whose recipient, subject and text are easy to find in a log.
func hello() *Message {
	return &Message{To: "ann@mail.example", Subject: "Hello 42", Text: "The token is 31415926."}
}

// add puts a message that is written at once into a queue.
func add(q *Queue, message *Message) bool {
	return q.Add(func(context.Context) (*Message, error) { return message, nil })
}

// sendOne sends hello and returns the numbers at the end.
func sendOne(t *testing.T, cfg Config, pace pace) Stats {
	t.Helper()
	q := start(t, cfg, pace)
	require.True(t, add(q, hello()))
	waitFor(t, q, 0)
	return q.Stats()
}

// waitFor waits until n mails wait.
func waitFor(t *testing.T, q *Queue, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return q.Stats().Waiting == n }, 10*time.Second, time.Millisecond)
}

// requireDiscreet fails if the log tells who got a mail, or what was in it.
func requireDiscreet(t *testing.T, log fmt.Stringer) {
	t.Helper()
	for _, private := range []string{"ann@", "mail.example", "Hello 42", "31415926", "hunter2", "aHVudGVyMg", "no-reply@"} {
		require.NotContains(t, log.String(), private)
	}
}
