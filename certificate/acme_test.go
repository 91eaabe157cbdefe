package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/acme"
)

// refusing returns an ACME whose authority is out of order, the number of requests that it has had, and a clock.
func refusing(t *testing.T) (a *ACME, asked *atomic.Int64, clock *time.Time) {
	asked = &atomic.Int64{}
	authority := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(authority.Close)
	a, err := NewACME([]string{"shop.example.com", "www.example.com"}, authority.URL+"/directory", t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	a.manager.Client.HTTPClient = authority.Client()
	now := time.Now()
	a.now = func() time.Time { return now }
	return a, asked, &now
}

func TestAnAuthorityIsNotAskedAgainForEachClientThatConnects(t *testing.T) {
	a, asked, clock := refusing(t)
	hello := &tls.ClientHelloInfo{ServerName: "shop.example.com"}
	_, err := a.Config().GetCertificate(hello)
	require.ErrorContains(t, err, "403")
	attempt := asked.Load()
	require.NotZero(t, attempt)
	for range 10 {
		_, again := a.Config().GetCertificate(hello)
		require.Equal(t, err, again)
	}
	require.Equal(t, attempt, asked.Load())
	require.ErrorContains(t, a.Refresh(t.Context()), "shop.example.com: ")
	require.ErrorContains(t, a.Refresh(t.Context()), "www.example.com: ", "each domain is tried by itself")

	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		asked.Store(0)
		*clock = clock.Add(wait - time.Second)
		require.ErrorIs(t, a.mayTry("shop.example.com"), a.state["shop.example.com"].failed, "after %s", wait)
		*clock = clock.Add(time.Second)
		require.NoError(t, a.mayTry("shop.example.com"), "after %s", wait)
		require.Error(t, a.record("shop.example.com", nil, context.DeadlineExceeded))
	}
	for range 20 {
		*clock = clock.Add(maxRetryDelay)
		require.NoError(t, a.mayTry("shop.example.com"), "never later than in an hour")
		require.Error(t, a.record("shop.example.com", nil, context.DeadlineExceeded))
	}
}

func TestNobodyObtainsACertificateForANameOfTheirOwn(t *testing.T) {
	a, asked, _ := refusing(t)
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
