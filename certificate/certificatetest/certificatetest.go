// Package certificatetest makes certificates for tests.
package certificatetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	Certificate *x509.Certificate

	key    *ecdsa.PrivateKey
	serial atomic.Int64
}

// NewAuthority returns an Authority that nobody trusts but the clients with its Pool.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of tests"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &Authority{key: key}
	a.serial.Store(1)
	a.Certificate, err = x509.ParseCertificate(der)
	return a, err
}

// New is NewAuthority in a test.
func New(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority()
	require.NoError(t, err)
	return a
}

// Pool returns the authorities that a client trusts: this one.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// PEM returns the certificate of the authority.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.Certificate.Raw) }

// Issue returns a certificate for hosts, which are names or addresses, followed by that of the authority, and its key, both in
// PEM. It expires after life, which may be negative, and has begun an hour before now or before that.
func (a *Authority) Issue(t *testing.T, life time.Duration, hosts ...string) (chain, key []byte) {
	t.Helper()
	now := time.Now()
	return a.IssueBetween(t, now.Add(min(0, life)-time.Hour), now.Add(life), hosts...)
}

// IssueBetween is Issue with the times between which the certificate is valid.
func (a *Authority) IssueBetween(t *testing.T, begin, end time.Time, hosts ...string) (chain, key []byte) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial.Add(1)), Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: begin, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, own.Public(), a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(t, err)
	return append(encode("CERTIFICATE", der), a.PEM()...), encode("PRIVATE KEY", encoded)
}

// Pair returns what Issue or IssueBetween returns as a server takes it.
func Pair(t *testing.T, chain, key []byte) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(chain, key)
	require.NoError(t, err)
	return pair
}

// Write writes what Issue returns into two files in a folder, and returns their paths.
func (a *Authority) Write(t *testing.T, folder string, life time.Duration, hosts ...string) (chainPath, keyPath string) {
	t.Helper()
	chain, key := a.Issue(t, life, hosts...)
	chainPath, keyPath = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	require.NoError(t, os.WriteFile(chainPath, chain, 0o600))
	require.NoError(t, os.WriteFile(keyPath, key, 0o600))
	return chainPath, keyPath
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
