package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Files is a certificate in two files in PEM: the chain, which begins with the certificate of the service, and the private
// key. It is safe for concurrent use.
type Files struct {
	chainPath, keyPath string
	log                *slog.Logger
	current            atomic.Pointer[pair]
}

// pair is what the files had when they were last read.
type pair struct {
	chain, key  []byte
	certificate tls.Certificate
}

// OpenFiles reads a certificate and its key. It returns an error if either file is missing or is not what it should be, or
// if the key belongs to another certificate. A certificate that is not valid now is only logged: a service that cannot be
// started is no better.
func OpenFiles(chainPath, keyPath string, log *slog.Logger) (*Files, error) {
	f := &Files{chainPath: chainPath, keyPath: keyPath, log: log}
	read, err := f.read()
	if err != nil {
		return nil, err
	}
	f.current.Store(read)
	if err := read.check(time.Now()); err != nil {
		log.Warn("clients will refuse the certificate", "file", chainPath, "error", err)
	}
	return f, nil
}

// Config returns the configuration of a server with the certificate that was read last.
func (f *Files) Config() *tls.Config {
	return newConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &f.current.Load().certificate, nil })
}

// Leaf returns the certificate in use.
func (f *Files) Leaf() *x509.Certificate { return f.current.Load().certificate.Leaf }

// Refresh reads the files again and uses them from the next connection on, if they have changed. It returns an error, and
// leaves what is in use, if they cannot be used: the two cannot be replaced at the same instant, so the next call may
// succeed. It also returns an error while the certificate in use is not valid.
func (f *Files) Refresh(context.Context) error {
	read, err := f.read()
	if err != nil {
		return err
	}
	used, now := f.current.Load(), time.Now()
	if bytes.Equal(read.chain, used.chain) && bytes.Equal(read.key, used.key) {
		return used.check(now)
	}
	if err := read.check(now); err != nil && used.check(now) == nil {
		return fmt.Errorf("%s has changed: %w: the one before stays in use", f.chainPath, err)
	}
	f.current.Store(read)
	f.log.Info("certificate read again", "file", f.chainPath, "expires", read.certificate.Leaf.NotAfter)
	return read.check(now)
}

func (f *Files) read() (*pair, error) {
	chain, err := os.ReadFile(f.chainPath)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(f.keyPath)
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.chainPath, f.keyPath, err)
	}
	return &pair{chain, key, certificate}, nil
}

// check returns an error that wraps ErrOutsideValidity unless the certificate is valid at a time.
func (p *pair) check(now time.Time) error { return CheckValidity(p.certificate.Leaf, now) }
