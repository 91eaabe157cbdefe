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

// The pauses after a failed attempt to obtain a certificate; each doubles with every further failure. Authorities refuse a name
// for an hour after five failed checks (https://letsencrypt.org/docs/rate-limits/), of which an attempt makes two.
const (
	refusedDelay     = 30 * time.Minute // the authority has refused, or did not find the domain here
	unreachableDelay = 2 * time.Minute  // the authority was not asked; autocert itself remembers a failure for one
	maxRetryDelay    = 6 * time.Hour
)

// ErrNone means that no certificate is kept for a domain.
var ErrNone = autocert.ErrCacheMiss

// What a client gets instead of a certificate.
var (
	errUnknownName = errors.New("no certificate for this name")
	errNotYet      = errors.New("no certificate yet")
)

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
	ready    bool  // there is one, which autocert renews
	failed   error // of the last attempt, nil after a success
	failures int   // in a row
	retry    time.Time
	expires  time.Time // of the certificate that was logged last
	reported string    // what is wrong, as it was logged last
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
	return leafOf(autocert.DirCache(folder).Get(ctx, domain))
}

// leafOf returns the certificate in what autocert has kept.
func leafOf(text []byte, err error) (*x509.Certificate, error) {
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
		leaf, err := leafOf(autocert.DirCache(folder).Get(context.Background(), domain))
		a.state[domain] = &domainState{ready: err == nil && CheckValidity(leaf, time.Now()) == nil}
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
// first domain if it asks for none. A client gets none until Refresh has obtained it: strangers must not make the service
// ask the authority, nor wait for it.
func (a *ACME) Config() *tls.Config {
	return newConfig(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
			return a.manager.GetCertificate(hello) // the authority checks that the domain is ours (RFC 8737)
		}
		domain := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		if domain == "" {
			domain = a.domains[0]
		}
		if err := a.mayServe(domain); err != nil {
			return nil, err
		}
		return a.certificate(domain)
	}, acme.ALPNProto)
}

// Challenges returns a handler of plain HTTP that answers the questions of the authority (RFC 8555, section 8.3), and passes
// all others on to next.
func (a *ACME) Challenges(next http.Handler) http.Handler { return a.manager.HTTPHandler(next) }

// Refresh obtains the certificates that are missing, unless that has failed a short while ago. It logs what is new about each
// domain, and returns an error for each whose certificate is missing, or should have been renewed long ago. It blocks for
// minutes at most, or until ctx ends.
func (a *ACME) Refresh(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { // autocert takes no context of ours
		var errs []error
		for _, domain := range a.domains {
			if err := a.refresh(domain); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", domain, err))
			}
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
	if err := a.mayTry(domain); err != nil {
		return err
	}
	got, err := a.certificate(domain)
	if err != nil {
		return a.fail(domain, err)
	}
	return a.succeed(domain, got.Leaf)
}

// certificate returns the certificate of a domain, and obtains it if there is none.
func (a *ACME) certificate(domain string) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName: domain,
		// Any client of TLS 1.2 verifies ECDSA; for one that does not autocert would obtain a second certificate, with RSA.
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
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

// mayServe returns an error unless a domain has a certificate.
func (a *ACME) mayServe(domain string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state[domain]
	switch {
	case s == nil:
		return errUnknownName
	case !s.ready:
		return errNotYet
	}
	return nil
}

// mayTry returns the last failure of a domain while it is too early for another attempt.
func (a *ACME) mayTry(domain string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.state[domain]; s.failed != nil && a.now().Before(s.retry) {
		return s.failed
	}
	return nil
}

// fail records a failed attempt, and returns what is to be said of it.
func (a *ACME) fail(domain string, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, pause := a.state[domain], refusedDelay
	if _, unreachable := errors.AsType[*url.Error](err); unreachable {
		pause = unreachableDelay
	}
	s.failed = explain(err)
	s.retry = a.now().Add(min(maxRetryDelay, pause<<min(s.failures, 10)))
	s.failures++
	a.report(domain, s, s.failed)
	return s.failed
}

// succeed records that a domain has a certificate, and returns an error if that should have been renewed.
func (a *ACME) succeed(domain string, leaf *x509.Certificate) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state[domain]
	s.ready, s.failed, s.failures = true, nil, 0
	if !leaf.NotAfter.Equal(s.expires) {
		s.expires = leaf.NotAfter
		a.log.Info("certificate ready", "domain", domain, "expires", s.expires)
	}
	err := CheckRenewal(leaf, a.now())
	if err != nil {
		err = fmt.Errorf("%w: %s", err, advice)
	}
	a.report(domain, s, err)
	return err
}

// report logs what is wrong with a domain, once.
func (a *ACME) report(domain string, s *domainState, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != s.reported {
		attrs := []any{"domain", domain, "error", text}
		if s.failed != nil {
			attrs = append(attrs, "next", s.retry.Sub(a.now()).Round(time.Second).String())
		}
		a.log.Error("no fresh certificate", attrs...)
	}
	s.reported = text
}

const advice = "the authority must reach this machine by that name, on port 80 or 443"

// explain adds advice if an authority did not find the domain here. Autocert does not pass on what the authority has said.
func explain(err error) error {
	_, refused := errors.AsType[*acme.Error](err)
	if _, unreachable := errors.AsType[*url.Error](err); refused || unreachable || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %s", err, advice)
}
