package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
	"userorder/database/databasetest"
)

func TestTheDoctorLooksAtTheCertificate(t *testing.T) {
	t.Parallel()
	settings := installed(t, databasetest.SQLite(t))
	authority, folder := certificatetest.New(t), t.TempDir()
	settings["TLS_CERT_FILE"], settings["TLS_KEY_FILE"] = authority.Write(t, folder, 90*24*time.Hour, "127.0.0.1")
	text, status := doctorSays(t, settings)
	require.Zero(t, status, text)
	require.Regexp(t, `(?m)^ok +certificate +\S+cert\.pem is valid until 20\d\d-\d\d-\d\d$`, text)

	require.NoError(t, os.Chmod(settings["TLS_KEY_FILE"], 0o644))
	requireOnly(t, settings, `warning +certificate +other users can read or change \S+key\.pem: -rw-r--r-- → chmod 640 .*`)
	require.NoError(t, os.Chmod(settings["TLS_KEY_FILE"], 0o640))
	text, status = doctorSays(t, settings)
	require.Zero(t, status, text)
	settings["PUBLIC_URL"] = "https://shop.example.invalid"
	text, status = doctorSays(t, settings)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +certificate +\S+cert\.pem: x509: certificate is .*shop\.example\.invalid.* → get a certificate for that name, or correct PUBLIC_URL$`, text)
	delete(settings, "PUBLIC_URL")
	authority.Write(t, folder, time.Second, "127.0.0.1") // of an hour and a second
	requireOnly(t, settings, `warning +certificate +\S+cert\.pem: the certificate has not been renewed, and expires on .* → renew it`)
	authority.Write(t, folder, -time.Hour, "127.0.0.1")
	requireOnly(t, settings, `fault +certificate +\S+cert\.pem: not valid now: the certificate expired on .* → renew it`)
	require.NoError(t, os.Remove(settings["TLS_KEY_FILE"]))
	requireOnly(t, settings, `fault +certificate +open \S+key\.pem: no such file or directory → put a certificate and its key there`)
}

func TestTheDoctorLooksAtTheCertificatesOfACME(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	settings := installed(t, url)
	settings["TLS_DOMAINS"] = "shop.example.com"
	requireOnly(t, settings, `warning +certificate +shop\.example\.com has no certificate yet → start the service; .*`)

	folder := filepath.Join(filepath.Dir(url[len("sqlite:"):]), "certificates", "acme-v02.api.letsencrypt.org")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	certificate, key := certificatetest.New(t).Issue(t, 24*time.Hour, "shop.example.com")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "shop.example.com"), append(key, certificate...), 0o600))
	text, status := doctorSays(t, settings)
	require.Zero(t, status, text)
	require.Regexp(t, `(?m)^ok +certificate +shop\.example\.com is valid until `, text)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "shop.example.com"), []byte("broken"), 0o600))
	requireOnly(t, settings, `fault +certificate +tls: failed to find any PEM data .* → remove \S+certificates, and start the service again`)
}
