package certificate_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate"
	"userorder/certificate/certificatetest"
)

func newLog() (*slog.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return slog.New(slog.NewTextHandler(&text, nil)), &text
}

func TestFilesThatCannotBeUsedAreRefused(t *testing.T) {
	authority := certificatetest.New(t)
	certificatePEM, key := authority.Issue(t, time.Hour, "shop.example.com")
	_, foreignKey := authority.Issue(t, time.Hour, "shop.example.com")
	for name, test := range map[string]struct {
		chain, key []byte
		want       string
	}{
		"no certificate file":               {nil, key, "cert.pem: no such file"},
		"no key file":                       {certificatePEM, nil, "key.pem: no such file"},
		"a certificate that is none":        {[]byte("hello"), key, "failed to find any PEM data in certificate input"},
		"a key that is none":                {certificatePEM, []byte("hello"), "failed to find any PEM data in key input"},
		"the two the other way round":       {key, certificatePEM, "PEM inputs may have been switched"},
		"the key of another certificate":    {certificatePEM, foreignKey, "private key does not match public key"},
		"a certificate that was cut off":    {certificatePEM[:len(certificatePEM)/4], key, "failed to find any PEM data"},
		"an empty file":                     {[]byte{}, key, "failed to find any PEM data"},
		"only the authority, not the chain": {authority.PEM(), key, "private key does not match public key"},
	} {
		t.Run(name, func(t *testing.T) {
			chainPath, keyPath := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
			for path, text := range map[string][]byte{chainPath: test.chain, keyPath: test.key} {
				if text != nil {
					require.NoError(t, os.WriteFile(path, text, 0o600))
				}
			}
			log, _ := newLog()
			_, err := certificate.OpenFiles(chainPath, keyPath, log)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "PRIVATE KEY")
		})
	}
	log, _ := newLog()
	_, err := certificate.OpenFiles("nowhere", "nowhere", log)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAnExpiredCertificateIsServedWithAWarning(t *testing.T) {
	log, said := newLog()
	chain, key := certificatetest.New(t).Write(t, t.TempDir(), -time.Hour, "shop.example.com")
	files, err := certificate.OpenFiles(chain, key, log)
	require.NoError(t, err, "a service that does not start is no better")
	require.Contains(t, said.String(), "clients will refuse the certificate")
	require.ErrorIs(t, files.Refresh(t.Context()), certificate.ErrOutsideValidity)
	require.ErrorContains(t, files.Refresh(t.Context()), "the certificate expired on ")
}

func TestARenewedCertificateIsUsedFromTheNextConnectionOn(t *testing.T) {
	authority, folder := certificatetest.New(t), t.TempDir()
	log, said := newLog()
	files, err := certificate.OpenFiles(first(authority.Write(t, folder, time.Hour, "shop.example.com")), filepath.Join(folder, "key.pem"), log)
	require.NoError(t, err)
	served := func() int64 {
		got, err := files.Config().GetCertificate(nil)
		require.NoError(t, err)
		require.Same(t, got.Leaf, files.Leaf())
		return got.Leaf.SerialNumber.Int64()
	}
	before := served()
	require.NoError(t, files.Refresh(t.Context()))
	require.Equal(t, before, served(), "nothing has changed")

	renewed, key := authority.Issue(t, 24*time.Hour, "shop.example.com")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cert.pem"), renewed, 0o600))
	require.ErrorContains(t, files.Refresh(t.Context()), "private key does not match", "the key has not followed yet")
	require.Equal(t, before, served())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "key.pem"), key, 0o600))
	require.NoError(t, files.Refresh(t.Context()))
	require.Equal(t, before+1, served())
	require.Contains(t, said.String(), `msg="certificate read again"`)

	require.NoError(t, os.Remove(filepath.Join(folder, "cert.pem")))
	require.ErrorIs(t, files.Refresh(t.Context()), fs.ErrNotExist)
	require.Equal(t, before+1, served(), "a file that is missing for a moment takes no certificate away")
	authority.Write(t, folder, -time.Minute, "shop.example.com")
	require.ErrorContains(t, files.Refresh(t.Context()), "the one before stays in use")
	require.Equal(t, before+1, served(), "an expired certificate takes the place of no valid one")
}

func first(certificatePath, _ string) string { return certificatePath }
