package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	timeout      = 10 * time.Second // of a call, from the dial to the end of the answer's header
	maxHeader    = 64 << 10
	maxBody      = 64 << 10 // of an answer; a longer one costs the connection
	idleTimeout  = 90 * time.Second
	maxIdle      = 64 // connections to one host
	pingInterval = 5 * time.Second
)

// Message is one event for a receiver, which can tell by the ID that it came twice.
type Message struct {
	ID   string
	Body []byte // JSON
}

// Client sends messages. It may be used concurrently, keeps connections open for the next call, speaks HTTP/2 where it
// is offered and TLS 1.2 or later. HTTPS_PROXY and NO_PROXY of the environment apply to https alone.
type Client struct {
	secrets       []Secret
	timeout       time.Duration
	secure, plain *http.Transport // for https, and for http, whose connections are checked
}

// NewClient returns a client whose messages have a signature of each secret. There must be at least one.
func NewClient(secrets ...Secret) *Client {
	return newClient(timeout, nil, secrets)
}

// newClient returns a client. The resolver is that of plain connections, nil for the machine's.
func newClient(timeout time.Duration, resolver *net.Resolver, secrets []Secret) *Client {
	if len(secrets) == 0 || slices.Contains(secrets, Secret{}) {
		panic("webhook: a client needs secrets to sign with")
	}
	c := &Client{secrets: secrets, timeout: timeout}
	c.secure = c.newTransport(&net.Dialer{Timeout: timeout})
	c.secure.Proxy = http.ProxyFromEnvironment
	c.plain = c.newTransport(&net.Dialer{Timeout: timeout, Resolver: resolver, Control: requirePrivate})
	return c
}

func (c *Client) newTransport(dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.timeout, // a dial may outlive the call that began it
		ForceAttemptHTTP2:      true,      // which a DialContext would turn off
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingInterval, PingTimeout: pingInterval},
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // nobody reads the body
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return proxyFailure(answer.StatusCode)
			}
			return nil
		},
	}
}

// requirePrivate refuses to connect to an address that is neither loopback nor private. It gets each address that is
// about to be dialled, so a name that changes its address between two lookups does not get past it.
func requirePrivate(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err != nil || !isPrivate(host) {
		return notAllowed
	}
	return nil
}

// Send sends a message to a receiver and returns nil if a 2xx came within 10 seconds, whatever becomes of the body after
// it. It does not follow redirects. The error is a [Failure], or that of ctx if ctx ended first: then the receiver may
// have taken the message or not. Send blocks for 10 seconds at most. It may send the message twice, if a connection that
// was idle turns out to be closed.
func (c *Client) Send(ctx context.Context, to Endpoint, m Message) error {
	var p progress
	call, cancel := context.WithTimeout(p.watched(ctx), c.timeout)
	defer cancel()
	request, err := c.newRequest(call, to, m)
	if err != nil {
		return cannotConnect
	}
	transport := c.secure
	if request.URL.Scheme == "http" {
		transport = c.plain
	}
	answer, err := transport.RoundTrip(request) // an http.Client would follow redirects and repeat the URL in errors
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case call.Err() != nil:
		return noAnswer
	default:
		return failureOf(err, &p)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols { // whose body is the connection, which no context ends
		_, _ = io.CopyN(io.Discard, answer.Body, maxBody+1) // the next call needs a connection that is read to the end
	}
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return statusFailure(answer.StatusCode)
	}
	return nil
}

// newRequest returns the signed request for one try.
func (c *Client) newRequest(ctx context.Context, to Endpoint, m Message) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	signature, err := sign(c.secrets, m, now)
	if err != nil {
		return nil, err
	}
	header := request.Header
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "userorder")
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	header.Set("Webhook-Signature", signature)
	// This header is not sent. With it the transport tries again, as it does for a GET, if the receiver closed an idle
	// connection just before the request.
	header["Idempotency-Key"] = nil
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
		request.URL.User = nil
	}
	return request, nil
}

// Close closes the connections that are idle. A nil Client has none.
func (c *Client) Close() {
	if c == nil {
		return
	}
	c.secure.CloseIdleConnections()
	c.plain.CloseIdleConnections()
}
