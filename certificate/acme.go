package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// LetsEncrypt is the directory of the authority that is asked unless the settings name another.
const LetsEncrypt = autocert.DefaultACMEDirectory

const (
	// The pause after a failed attempt to obtain a certificate. It doubles with each further one: authorities refuse a
	// name for an hour after five (https://letsencrypt.org/docs/rate-limits/).
	minRetryDelay = time.Minute
	maxRetryDelay = time.Hour
)

// ErrNone means that no certificate is kept for a domain.
var ErrNone = autocert.ErrCacheMiss

// errUnknownName is what a client of another name gets: no certificate.
var errUnknownName = errors.New("no certificate for this name")

// ACME obtains a certificate for each of some domains and renews it when a third of its life is left, 30 days at most. It
// keeps them, their keys and its account in a folder that nobody else can read. It is safe for concurrent use.
type ACME struct {
	manager *autocert.Manager
	domains []string
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex
	state map[string]*domainState
}

// domainState is what is known of the certificate of a domain.
type domainState struct {
	failed   error // of the last attempt, nil after a success
	failures int   // in a row
	retry    time.Time
	expires  time.Time // of the certificate that was logged last
}

// folderOf returns where the certificates of an authority are kept below a folder.
func folderOf(directory, folder string) (string, error) {
	u, err := url.Parse(directory)
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, strings.ReplaceAll(u.Host, ":", "_")), nil
}

// Kept returns the certificate of a domain that an ACME with the same directory and folder has kept. Its error wraps
// ErrNone if there is none.
func Kept(ctx context.Context, domain, directory, folder string) (*x509.Certificate, error) {
	folder, err := folderOf(directory, folder)
	if err != nil {
		return nil, err
	}
	text, err := autocert.DirCache(folder).Get(ctx, domain)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text) // which are in one file
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

// NewACME returns an ACME for domains in the form in which they are looked up. Directory is the URL of the authority. To
// use it is to agree to the terms of the authority. Each authority has a folder of its own below folder.
func NewACME(domains []string, directory, folder string, log *slog.Logger) (*ACME, error) {
	folder, err := folderOf(directory, folder)
	if err != nil {
		return nil, err
	}
	a := &ACME{domains: domains, log: log, now: time.Now, state: map[string]*domainState{}}
	for _, domain := range domains {
		a.state[domain] = &domainState{}
	}
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: a.isOurs,
		Cache:      autocert.DirCache(folder),
		Client:     &acme.Client{DirectoryURL: directory, UserAgent: "userorder"},
	}
	return a, nil
}

// Config returns the configuration of a server with the certificate of the name that a client asks for, or that of the
// first domain if it asks for none. The first client of a domain waits until its certificate is obtained.
func (a *ACME) Config() *tls.Config {
	return newConfig(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
			return a.manager.GetCertificate(hello) // the authority checks that the domain is ours (RFC 8737)
		}
		domain := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		if domain == "" {
			domain = a.domains[0]
		}
		return a.get(domain)
	}, acme.ALPNProto)
}

// Challenges returns a handler of plain HTTP that answers the questions of the authority (RFC 8555, section 8.3), and passes
// all others on to next.
func (a *ACME) Challenges(next http.Handler) http.Handler { return a.manager.HTTPHandler(next) }

// Refresh obtains the certificates that are missing. It returns an error for each that is missing still, or that should
// have been renewed long ago. It blocks for minutes at most, or until ctx ends.
func (a *ACME) Refresh(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { // autocert takes no context of ours
		var errs []error
		for _, domain := range a.domains {
			errs = append(errs, a.refresh(domain))
		}
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *ACME) refresh(domain string) error {
	got, err := a.get(domain)
	if err != nil {
		return fmt.Errorf("%s: %w", domain, err)
	}
	if err := CheckRenewal(got.Leaf, a.now()); err != nil {
		return fmt.Errorf("%s: %w: %s", domain, err, advice)
	}
	return nil
}

// CheckRenewal returns an error if less than a sixth of the life of a certificate is left: it should have been renewed with a
// third left.
func CheckRenewal(leaf *x509.Certificate, now time.Time) error {
	life, left := leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	if left > life/6 || left > 15*24*time.Hour {
		return nil
	}
	return fmt.Errorf("the certificate has not been renewed, and expires on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
}

// explain adds advice if an authority did not find the domain here. Autocert does not pass on what the authority has said.
func explain(err error) error {
	_, refused := errors.AsType[*acme.Error](err)
	if _, unreachable := errors.AsType[*url.Error](err); refused || unreachable || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %s", err, advice)
}

const advice = "the authority must reach this machine by that name, on port 80 or 443"

// get returns the certificate of a domain, which it obtains if there is none, unless that has just failed.
func (a *ACME) get(domain string) (*tls.Certificate, error) {
	if err := a.mayTry(domain); err != nil {
		return nil, err
	}
	got, err := a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName: domain,
		// Any client of TLS 1.2 verifies ECDSA; for one that says so autocert would obtain a second certificate, with RSA.
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
	return got, a.record(domain, got, err)
}

// isOurs returns an error unless host, which may have a port, is one of the domains.
func (a *ACME) isOurs(_ context.Context, host string) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, ok := a.state[strings.ToLower(host)]; !ok {
		return errUnknownName
	}
	return nil
}

// mayTry returns the last failure of a domain while it is too early for another attempt.
func (a *ACME) mayTry(domain string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state[domain]
	switch {
	case s == nil:
		return errUnknownName
	case s.failed != nil && a.now().Before(s.retry):
		return s.failed
	}
	return nil
}

// record keeps the outcome of an attempt, and returns its failure.
func (a *ACME) record(domain string, got *tls.Certificate, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state[domain]
	if err != nil {
		if s.failed == nil || !a.now().Before(s.retry) { // not for others that have waited for the same attempt
			s.failures++
			s.retry = a.now().Add(min(maxRetryDelay, minRetryDelay<<min(s.failures-1, 10)))
		}
		s.failed = explain(err)
		return s.failed
	}
	s.failed, s.failures = nil, 0
	if got.Leaf != nil && !got.Leaf.NotAfter.Equal(s.expires) {
		s.expires = got.Leaf.NotAfter
		a.log.Info("certificate ready", "domain", domain, "expires", s.expires)
	}
	return nil
}
