//go:build unix

package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"testing"
	"time"

	"userorder/certificate/certificatetest"
)

// trusted is the authority that http.DefaultTransport, which trusts nobody else, and the browser trust. TestMain creates it.
var trusted *certificatetest.Authority

// trusting returns the configuration of a client that trusts that authority alone.
func trusting() *tls.Config {
	return &tls.Config{RootCAs: trusted.Pool(), MinVersion: tls.VersionTLS12}
}

// fingerprint returns what makes Chromium trust it, as --ignore-certificate-errors-spki-list takes it.
func fingerprint() string {
	sum := sha256.Sum256(trusted.Certificate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// issued returns the files of a certificate for shop.example.com and 127.0.0.1.
func issued(t *testing.T) (chain, key string) {
	t.Helper()
	return trusted.Write(t, t.TempDir(), 12*time.Hour, "shop.example.com", "127.0.0.1")
}
