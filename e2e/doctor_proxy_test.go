//go:build linux

package e2e

import (
	"crypto/tls"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
)

// certified returns a certificate for 127.0.0.1 with a life of 90 days of which some is left, and a file with which clients trust
// it.
func certified(t *testing.T, left time.Duration) (certificate tls.Certificate, file string) {
	t.Helper()
	authority, end := certificatetest.New(t), time.Now().Add(left)
	file = filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(file, authority.PEM(), 0o600))
	chain, key := authority.IssueBetween(t, end.Add(-90*24*time.Hour), end, "127.0.0.1")
	return certificatetest.Pair(t, chain, key), file
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
