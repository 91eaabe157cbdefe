package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Failure says why a message was not taken, like "status 500" or "connection refused". Its text comes from a closed set,
// so that it may be shown and logged: it repeats nothing of the URL or the answer but the status.
type Failure string

// Error returns the text.
func (f Failure) Error() string { return string(f) }

// All failures but those with a status.
const (
	noAnswer        Failure = "no answer within 10 s"
	hostNotFound    Failure = "host not found"
	lookupFailed    Failure = "name lookup failed"
	notAllowed      Failure = "address not allowed" // http to one that is neither loopback nor private
	refused         Failure = "connection refused"
	unreachable     Failure = "host unreachable"
	cannotConnect   Failure = "cannot connect"
	proxyFailed     Failure = "cannot connect to the proxy"
	invalidIdentity Failure = "certificate not valid"
	tlsFailed       Failure = "TLS failed"
	closed          Failure = "connection closed"
	invalidAnswer   Failure = "no valid answer"
)

// statusFailure returns the failure of an answer that is no 2xx.
func statusFailure(code int) Failure { return Failure("status " + strconv.Itoa(code)) }

// proxyFailure returns the failure of a proxy that did not connect.
func proxyFailure(code int) Failure { return Failure("proxy status " + strconv.Itoa(code)) }

// progress tells how far a call has come. A dial may outlive its call, hence the atomics.
type progress struct{ connected, tlsFailed atomic.Bool }

// watched returns a context whose call reports to p.
func (p *progress) watched(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:          func(httptrace.GotConnInfo) { p.connected.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { p.tlsFailed.Store(err != nil) },
	})
}

// failureOf classifies an error of [net/http.Transport]. The order matters: one error may be several of these.
func failureOf(err error, p *progress) Failure {
	if failure, ok := errors.AsType[Failure](err); ok {
		return failure
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "proxyconnect" {
		return proxyFailed
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return hostNotFound
		}
		return lookupFailed
	}
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(): // a dial's own, just before that of the call
		return noAnswer
	case errors.As(err, &certificate):
		return invalidIdentity
	case isAny(err, syscall.ECONNREFUSED):
		return refused
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return unreachable
	case isAny(err, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // before the request was written; net/http has no value for it
		return closed
	case p.tlsFailed.Load():
		return tlsFailed
	case p.connected.Load():
		return invalidAnswer
	}
	return cannotConnect
}

// isAny reports whether err is one of targets.
func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
