package certificate

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// ErrOutsideValidity means that a certificate has expired or is not valid yet.
var ErrOutsideValidity = errors.New("not valid now")

// CheckValidity returns an error that wraps ErrOutsideValidity unless a certificate is valid at a time.
func CheckValidity(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("%w: the certificate expired on %s", ErrOutsideValidity, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("%w: the certificate begins on %s", ErrOutsideValidity, leaf.NotBefore.UTC().Format(time.RFC3339))
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
