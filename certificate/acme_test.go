package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/acme"
)

// refusing returns an ACME whose authority is out of order, the number of requests that it has had, a clock and the log.
func refusing(t *testing.T, domains ...string) (a *ACME, asked *atomic.Int64, clock *time.Time, said *bytes.Buffer) {
	asked, said = &atomic.Int64{}, &bytes.Buffer{}
	authority := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(authority.Close)
	a, err := NewACME(domains, authority.URL+"/directory", t.TempDir(), slog.New(slog.NewTextHandler(said, nil)))
	require.NoError(t, err)
	a.manager.Client.HTTPClient = authority.Client()
	now := time.Now()
	a.now = func() time.Time { return now }
	return a, asked, &now, said
}

// attempts returns in which of the minutes of an hour a Refresh does more than return the last failure.
func attempts(t *testing.T, a *ACME, clock *time.Time, domain string) (minutes []int) {
	for minute := range 60 {
		before := a.state[domain].failures
		require.Error(t, a.Refresh(t.Context()))
		if a.state[domain].failures > before {
			minutes = append(minutes, minute)
		}
		*clock = clock.Add(time.Minute)
	}
	return minutes
}

func TestClientsNeverMakeTheServiceAskTheAuthority(t *testing.T) {
	a, asked, _, _ := refusing(t, "shop.example.com")
	for range 10 {
		_, err := a.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: "shop.example.com"})
		require.ErrorIs(t, err, errNotYet)
	}
	require.Zero(t, asked.Load())
}

func TestAnAuthorityHasFewerThanFiveFailuresAnHour(t *testing.T) {
	a, asked, clock, _ := refusing(t, "shop.example.com", "www.example.com")
	require.Equal(t, []int{0, 30}, attempts(t, a, clock, "shop.example.com"), "each attempt may be two failed checks")
	require.NotZero(t, asked.Load())
	require.Equal(t, []int{30}, attempts(t, a, clock, "www.example.com"))
	*clock = clock.Add(24 * time.Hour)
	for range 12 {
		require.Error(t, a.Refresh(t.Context()))
		*clock = clock.Add(maxRetryDelay)
		require.NoError(t, a.mayTry("shop.example.com"), "never later than that")
	}
}

func TestAnAuthorityThatCannotBeReachedIsTriedSooner(t *testing.T) {
	a, _, clock, _ := refusing(t, "shop.example.com")
	a.manager.Client.DirectoryURL = "https://127.0.0.1:1/directory"
	require.ErrorContains(t, a.Refresh(t.Context()), "connection refused")
	for _, wait := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
		*clock = clock.Add(wait - time.Second)
		require.Error(t, a.mayTry("shop.example.com"), "after %s", wait)
		*clock = clock.Add(time.Second)
		require.NoError(t, a.mayTry("shop.example.com"), "after %s", wait)
		require.Error(t, a.fail("shop.example.com", &url.Error{Op: "Get", URL: "https://ca.example", Err: context.DeadlineExceeded}))
	}
}

func TestTheLogSaysOfEachDomainWhatIsWrongAndWhenThatChanges(t *testing.T) {
	a, _, clock, said := refusing(t, "shop.example.com", "www.example.com")
	for range 5 {
		require.ErrorContains(t, a.Refresh(t.Context()), "www.example.com: ")
	}
	require.Equal(t, 1, strings.Count(said.String(), `msg="no fresh certificate" domain=shop.example.com error="403 : 403 Forbidden" next=30m0s`), said.String())
	require.Equal(t, 1, strings.Count(said.String(), "domain=www.example.com"), said.String())
	old := &x509.Certificate{NotBefore: clock.Add(-100 * 24 * time.Hour), NotAfter: clock.Add(time.Hour)}
	require.ErrorContains(t, a.succeed("www.example.com", old), "has not been renewed")
	require.Contains(t, said.String(), `domain=www.example.com error="the certificate has not been renewed, and expires on `)
	*clock = clock.Add(time.Hour)
	require.Error(t, a.fail("shop.example.com", context.DeadlineExceeded))
	require.Contains(t, said.String(), `domain=shop.example.com error="context deadline exceeded" next=1h0m0s`)
}

func TestNobodyObtainsACertificateForANameOfTheirOwn(t *testing.T) {
	a, asked, _, _ := refusing(t, "shop.example.com")
	for _, name := range []string{"other.example.com", "192.0.2.1", "shop.example.com.evil.example", strings.Repeat("a", 300)} {
		_, err := a.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		require.ErrorIs(t, err, errUnknownName)
		_, err = a.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{acme.ALPNProto}})
		require.Error(t, err)
	}
	require.Zero(t, asked.Load())
}

func TestARefreshEndsWithItsContext(t *testing.T) {
	hangs := make(chan struct{})
	authority := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	defer authority.Close()
	defer close(hangs)
	a, err := NewACME([]string{"shop.example.com"}, authority.URL, t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	a.manager.Client.HTTPClient = authority.Client()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, a.Refresh(ctx), context.DeadlineExceeded)
}

func TestEachAuthorityHasAFolderOfItsOwnThatNobodyElseReads(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "certificates")
	for _, directory := range []string{"https://staging.example.com/directory", "https://ca.example.com:14000/dir"} {
		a, err := NewACME([]string{"shop.example.com"}, directory, folder, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.NoError(t, a.manager.Cache.Put(t.Context(), "shop.example.com", []byte("secret")))
	}
	for _, authority := range []string{"staging.example.com", "ca.example.com_14000"} {
		info, err := os.Stat(filepath.Join(folder, authority))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		info, err = os.Stat(filepath.Join(folder, authority, "shop.example.com"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestACertificateThatShouldHaveBeenRenewedIsReported(t *testing.T) {
	const day = 24 * time.Hour
	for life, left := range map[time.Duration]time.Duration{90 * day: 15 * day, 48 * day: 8 * day, 6 * day: day, 398 * day: 15 * day} {
		now := time.Now()
		leaf := func(left time.Duration) *x509.Certificate {
			return &x509.Certificate{NotBefore: now.Add(left - life), NotAfter: now.Add(left)}
		}
		require.NoError(t, CheckRenewal(leaf(left+time.Hour), now), "of %s", life)
		require.ErrorContains(t, CheckRenewal(leaf(left-time.Hour), now), "has not been renewed", "of %s", life)
	}
}
