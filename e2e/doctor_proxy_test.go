//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certified returns a certificate for 127.0.0.1 that is good for a while, and a file with which clients trust it.
func certified(t *testing.T, life time.Duration) (certificate tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(life),
		NotBefore: time.Now().Add(life - 90*24*time.Hour),
		IsCA:      true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestTheDoctorTellsOfACertificateThatExpiresAndOfAProxyThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service, err := url.Parse(start(t, dir).url(t))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		life time.Duration
		want string
	}{
		"good for months":    {90 * 24 * time.Hour, `ok +proxy +https://\S+/healthz answers in .*`},
		"good for some days": {72*time.Hour + 10*time.Minute, `warning +proxy +the certificate of https://\S+ expires in 72h0m0s → renew it`},
		"expired":            {-time.Hour, `fault +proxy +Get "https://\S+/healthz": tls: .*certificate has expired.* → look into the proxy, DNS and the certificate, or correct PUBLIC_URL`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, file := certified(t, test.life)
			proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(service))
			proxy.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
			proxy.StartTLS()
			t.Cleanup(proxy.Close)
			settings := []string{"SSL_CERT_FILE=" + file, "PUBLIC_URL=" + proxy.URL, "TRUSTED_PROXIES=127.0.0.1"}
			report, _ := doctor(t, dir, settings...)
			require.Regexp(t, `(?m)^`+test.want+`$`, report)
			report, _ = doctor(t, dir, settings[:2]...)
			trusted := `(?m)^warning +proxy +https://\S+ seems to lead through a proxy, and TRUSTED_PROXIES is empty`
			if test.life > 0 {
				require.Regexp(t, trusted, report)
			} else {
				require.NotRegexp(t, trusted, report, "it cannot be told")
			}
		})
	}
}
