package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
	"userorder/database/databasetest"
	"userorder/settings"
)

// running is a service in this process.
type running struct {
	stdout output
	stop   func() error // returns what run has returned
}

// serving starts a service on a database of its own, and waits until it listens. It is stopped at the end of the test.
func serving(t *testing.T, variables ...string) *running {
	t.Helper()
	env := map[string]string{
		"DATABASE_URL": databasetest.SQLite(t), "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s", "JWT_SECRET": strings.Repeat("s", 32),
	}
	for i := 0; i < len(variables); i += 2 {
		env[variables[i]] = variables[i+1]
	}
	r := &running{}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- run(ctx, nil, environment(env), &r.stdout) }()
	ended := false
	r.stop = func() error {
		cancel()
		if ended {
			return nil
		}
		ended = true
		return <-result
	}
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	require.Eventually(t, func() bool { return strings.Contains(r.stdout.String(), "msg=listening") || len(result) > 0 }, 30*time.Second, time.Millisecond)
	if len(result) > 0 {
		ended = true
		require.NoError(t, <-result)
	}
	return r
}

// attribute returns the value of an attribute of the line that says where the service listens.
func (r *running) attribute(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile(`msg=listening .*?\b` + name + `=(\S+)`).FindStringSubmatch(r.stdout.String())
	require.NotNil(t, found, "%s: %s", name, r.stdout.String())
	return found[1]
}

// ask returns the status and the body of the response to a request.
func ask(t *testing.T, client *http.Client, method, url, body string) (response *http.Response, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err = client.Do(request)
	require.NoError(t, err)
	read, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response, string(read)
}

// over returns a client that follows no redirects.
func over(t *testing.T, transport *http.Transport) *http.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func TestTheServiceSpeaksHTTPSWithACertificateFromFiles(t *testing.T) {
	t.Parallel()
	authority := certificatetest.New(t)
	certificatePath, keyPath := authority.Write(t, t.TempDir(), time.Hour, "127.0.0.1")
	env := []string{"TLS_CERT_FILE", certificatePath, "TLS_KEY_FILE", keyPath, "HTTP_PORT", "0"}
	r := serving(t, env...)
	base := "https://" + r.attribute(t, "address")
	require.Equal(t, base+"/docs", r.attribute(t, "docs"))

	client := over(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, ForceAttemptHTTP2: true})
	response, text := ask(t, client, "POST", base+"/user/register", testUser)
	require.Equal(t, "HTTP/2.0", response.Proto)
	require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`, text)
	response, _ = ask(t, client, "GET", base+"/console", "")
	require.Equal(t, 200, response.StatusCode)

	old := &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	_, err := tls.Dial("tcp", r.attribute(t, "address"), old)
	require.ErrorContains(t, err, "protocol version not supported")

	plain := "http://" + r.attribute(t, "http")
	response, _ = ask(t, client, "GET", plain+"/docs", "")
	require.Equal(t, 308, response.StatusCode)
	require.Equal(t, base+"/docs", response.Header.Get("Location"))
	response, text = ask(t, client, "POST", plain+"/user/login", testUser)
	require.Equal(t, 403, response.StatusCode)
	require.JSONEq(t, `{"code":403,"msg":"请使用 HTTPS","data":{}}`, text)

	_, port, err := net.SplitHostPort(r.attribute(t, "address"))
	require.NoError(t, err)
	_, err = said(t, map[string]string{"PORT": port, "TLS_CERT_FILE": certificatePath, "TLS_KEY_FILE": keyPath}, "healthcheck")
	require.NoError(t, err, "its certificate is not for localhost")
	require.NoError(t, r.stop())
	require.NotContains(t, r.stdout.String(), "level=WARN msg=http")
}

func TestTheJobOfACertificateTakesChangedFiles(t *testing.T) {
	t.Parallel()
	authority, folder := certificatetest.New(t), t.TempDir()
	cfg := TLS{}
	cfg.CertFile, cfg.KeyFile = authority.Write(t, folder, time.Hour, "shop.example.com")
	require.NoError(t, os.Chmod(cfg.KeyFile, 0o644))
	var said bytes.Buffer
	c, err := openCertificates(cfg, slog.New(slog.NewTextHandler(&said, nil)))
	require.NoError(t, err)
	require.Contains(t, said.String(), "the private key can be read or changed by others")
	serial := func() int64 {
		got, err := c.Config().GetCertificate(nil)
		require.NoError(t, err)
		return got.Leaf.SerialNumber.Int64()
	}
	before := serial()
	authority.Write(t, folder, 2*time.Hour, "shop.example.com")
	jobs := certificateJobs(c)
	require.Len(t, jobs, 1)
	_, err = jobs[0].Do(t.Context())
	require.NoError(t, err)
	require.Equal(t, before+1, serial())
	require.Empty(t, certificateJobs(nil))
}

func TestRedirectsLeadToThePortThatClientsUse(t *testing.T) {
	t.Parallel()
	address := &net.TCPAddr{Port: 8443}
	for public, want := range map[string]string{
		"": "8443", "https://shop.example.com": "443", "https://shop.example.com:444": "444", "http://shop.example.com": "8443",
	} {
		require.Equal(t, want, publicPort(public, address), public)
	}
}

func TestBadFilesOfACertificateStopTheStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificatePath, keyPath := certificatetest.New(t).Write(t, folder, time.Hour, "shop.example.com")
	broken := filepath.Join(folder, "broken.pem")
	require.NoError(t, os.WriteFile(broken, []byte("-----BEGIN CERTIFICATE-----"), 0o600))
	for name, test := range map[string]struct {
		settings []string
		want     string
	}{
		"a certificate alone":          {[]string{"TLS_CERT_FILE", certificatePath}, "TLS_CERT_FILE and TLS_KEY_FILE must be set together."},
		"a key alone":                  {[]string{"TLS_KEY_FILE", keyPath}, "TLS_CERT_FILE and TLS_KEY_FILE must be set together."},
		"a file that is missing":       {[]string{"TLS_CERT_FILE", certificatePath, "TLS_KEY_FILE", keyPath + "x"}, "TLS_CERT_FILE and TLS_KEY_FILE cannot be used: open "},
		"a file that is broken":        {[]string{"TLS_CERT_FILE", broken, "TLS_KEY_FILE", keyPath}, "TLS_CERT_FILE and TLS_KEY_FILE cannot be used: "},
		"a certificate and ACME":       {[]string{"TLS_CERT_FILE", certificatePath, "TLS_KEY_FILE", keyPath, "TLS_DOMAINS", "a.example"}, "TLS_DOMAINS obtains certificates, and TLS_CERT_FILE has one already"},
		"a port for HTTP without TLS":  {[]string{"HTTP_PORT", "80"}, "HTTP_PORT is for a service with TLS_CERT_FILE or TLS_DOMAINS"},
		"a port that is none":          {[]string{"HTTP_PORT", "http"}, `HTTP_PORT is "http" but must be off or a port, like 80.`},
		"a wildcard":                   {[]string{"TLS_DOMAINS", "*.example.com"}, `TLS_DOMAINS has "*.example.com" but takes names like shop.example.com, without a port or a wildcard.`},
		"an address":                   {[]string{"TLS_DOMAINS", "192.0.2.1"}, `TLS_DOMAINS has "192.0.2.1" but`},
		"a name without a dot":         {[]string{"TLS_DOMAINS", "localhost"}, `TLS_DOMAINS has "localhost" but`},
		"an authority over plain HTTP": {[]string{"ACME_DIRECTORY", "http://ca.example.com/"}, `ACME_DIRECTORY is "http://ca.example.com/" but must be a URL like https://acme`},
		"ACME on PostgreSQL":           {[]string{"TLS_DOMAINS", "a.example", "DATABASE_URL", "postgres://me@127.0.0.1:1/shop"}, "TLS_DOMAINS is for SQLite, beside whose file it keeps the certificates"},
		"TLS on a Unix socket":         {[]string{"HOST", "unix:" + folder + "/s", "TLS_CERT_FILE", certificatePath, "TLS_KEY_FILE", keyPath}, "HOST is a Unix socket, which a proxy on this machine connects to"},
		"a Unix socket without a path": {[]string{"HOST", "unix:"}, `HOST is "unix:" but needs a path, like unix:/run/userorder/userorder.sock.`},
		"a path that is too long":      {[]string{"HOST", "unix:/" + strings.Repeat("a", 103)}, "has a path of 104 bytes, and systems allow 103."},
		"a file in place of a socket":  {[]string{"HOST", "unix:" + broken}, "where something else is than a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"DATABASE_URL": databasetest.SQLite(t), "JWT_SECRET": strings.Repeat("s", 32)}
			for i := 0; i < len(test.settings); i += 2 {
				env[test.settings[i]] = test.settings[i+1]
			}
			err := run(t.Context(), nil, environment(env), io.Discard)
			require.ErrorContains(t, err, test.want)
			require.ErrorIs(t, err, settings.ErrInvalid)
		})
	}
}

func TestTLSDomainsMeansThePortsThatBrowsersUse(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"TLS_DOMAINS": "Shop.example.com, 商店.example."}))
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:443", cfg.Listen.Address)
	require.Equal(t, "0.0.0.0:80", cfg.Listen.HTTP)
	require.Equal(t, []string{"shop.example.com", "xn--czrs0t.example"}, cfg.Listen.TLS.Domains)
	require.Equal(t, "https://acme-v02.api.letsencrypt.org/directory", cfg.Listen.TLS.Directory)
	require.Equal(t, filepath.Join("data", "certificates"), cfg.Listen.TLS.Folder)

	cfg, err = loadConfig(t.Context(), environment(map[string]string{"TLS_DOMAINS": "a.example", "PORT": "8443", "HTTP_PORT": "off"}))
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:8443", cfg.Listen.Address)
	require.Empty(t, cfg.Listen.HTTP)
}

// dialing returns a client whose connections all lead to a Unix socket.
func dialing(t *testing.T, path string) *http.Client {
	return over(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}})
}

func TestTheServiceListensOnAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "userorder.sock")
	stale, err := net.Listen("unix", path)
	require.NoError(t, err)
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, stale.Close()) // as kill -9 leaves it
	host := "unix:" + path
	r := serving(t, "HOST", host)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o660), info.Mode().Perm())

	client := dialing(t, path)
	_, text := ask(t, client, "POST", "http://localhost/user/register", testUser)
	require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`, text)
	_, err = said(t, map[string]string{"HOST": host}, "healthcheck")
	require.NoError(t, err)

	err = run(t.Context(), nil, environment(map[string]string{
		"DATABASE_URL": databasetest.SQLite(t), "JWT_SECRET": strings.Repeat("s", 32), "HOST": host,
	}), io.Discard)
	require.ErrorContains(t, err, "the socket "+path+" is taken: stop the other program, or set HOST to another path")

	require.NoError(t, r.stop())
	require.NoFileExists(t, path)
	require.NotContains(t, r.stdout.String(), "level=WARN")
}

func TestBehindAUnixSocketTheProxySaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "userorder.sock")
	r := serving(t, "HOST", "unix:"+path, "RATE_LIMIT_REQUESTS", "1/1h", "TRUSTED_PROXIES", "10.0.0.0/8")
	client := dialing(t, path)
	status := func(forwarded string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/docs", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("X-Forwarded-For", forwarded)
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, 200, status("192.0.2.1"))
	require.Equal(t, 429, status("192.0.2.1"))
	require.Equal(t, 429, status("192.0.2.7, 192.0.2.1"), "what a client says of itself does not count")
	require.Equal(t, 200, status("192.0.2.2"))
	require.Equal(t, 429, status("192.0.2.2, 10.0.0.1"), "the proxy of the proxy is trusted as well")
	require.NoError(t, r.stop())
	require.Contains(t, r.stdout.String(), "client=192.0.2.2")

	again := serving(t, "HOST", "unix:"+path, "CORS_ORIGINS", "https://app.example.com")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://backend/user/login", strings.NewReader("{}"))
	require.NoError(t, err)
	for name, value := range map[string]string{"Origin": "https://shop.example.com", "X-Forwarded-Host": "shop.example.com", "Content-Type": "application/json"} {
		request.Header.Set(name, value)
	}
	response, err := dialing(t, path).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 400, response.StatusCode, "the origin is the service's own")
	require.NoError(t, again.stop())
}
