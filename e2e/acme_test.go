//go:build unix

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"userorder/certificate/certificatetest"
)

const shopName = "shop.example.com"

// buildPebble builds an ACME server for tests once, from the module proxy.
var buildPebble = sync.OnceValues(func() (string, error) {
	command := exec.Command("go", "install", "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3")
	command.Env = append(os.Environ(), "GOBIN="+binaries, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install: %w: %s", err, out)
	}
	return filepath.Join(binaries, "pebble"), nil
})

// pebble is an authority that certifies whoever answers at its ports for all names.
type pebble struct {
	process     *program
	directory   string
	roots       string // path of the certificate of its API
	httpPort    int
	tlsPort     int
	management  string
	environment []string // settings of a service that asks it
}

// startPebble starts Pebble, whose certificates live for life and whose names all lead to address.
func startPebble(t *testing.T, life time.Duration, address string) *pebble {
	t.Helper()
	executable, err := buildPebble()
	need(t, "Pebble", err)
	folder := t.TempDir()
	authority := certificatetest.New(t)
	certificatePath, keyPath := authority.Write(t, folder, time.Hour, "127.0.0.1")
	p := &pebble{roots: filepath.Join(folder, "roots.pem"), httpPort: freePort(t), tlsPort: freePort(t)}
	require.NoError(t, os.WriteFile(p.roots, authority.PEM(), 0o600))
	api, management := fmt.Sprint("127.0.0.1:", freePort(t)), fmt.Sprint("127.0.0.1:", freePort(t))
	p.directory, p.management = "https://"+api+"/dir", "https://"+management
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": api, "managementListenAddress": management, "certificate": certificatePath, "privateKey": keyPath,
		"httpPort": p.httpPort, "tlsPort": p.tlsPort, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "", "validityPeriod": int(life.Seconds())}},
	}})
	require.NoError(t, err)
	configPath := filepath.Join(folder, "config.json")
	require.NoError(t, os.WriteFile(configPath, config, 0o600))
	p.process = launch(t, folder, exec.Command(executable, "-strict", "-config", configPath, "-dnsserver", nameServer(t, address)),
		"PEBBLE_VA_NOSLEEP=1")
	p.environment = []string{
		"TLS_DOMAINS=" + shopName, "ACME_DIRECTORY=" + p.directory, "SSL_CERT_FILE=" + p.roots,
		fmt.Sprint("PORT=", p.tlsPort), fmt.Sprint("HTTP_PORT=", p.httpPort),
	}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", management)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond, "Pebble does not listen")
	return p
}

// client returns a client that trusts the certificates of Pebble and finds the shop on a port of this machine.
func (p *pebble) client(t *testing.T, port int) *http.Client {
	t.Helper()
	management := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := management.Get(p.management + "/roots/0")
	require.NoError(t, err)
	root, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(root))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: true, // each request shakes hands
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprint("127.0.0.1:", port))
		},
	}
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// nameServer answers, over TCP as Pebble asks, that every name has an IPv4 address.
func nameServer(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerNames(conn, [4]byte(net.ParseIP(address).To4()))
		}
	}()
	return listener.Addr().String()
}

// answerNames answers the questions of a connection, each of which follows its length (RFC 1035, section 4.2.2).
func answerNames(conn net.Conn, address [4]byte) {
	defer func() { _ = conn.Close() }()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		packet := make([]byte, length)
		var message dnsmessage.Message
		if _, err := io.ReadFull(conn, packet); err != nil || message.Unpack(packet) != nil || len(message.Questions) != 1 {
			return
		}
		message.Response, message.RecursionAvailable, message.Additionals = true, true, nil
		if question := message.Questions[0]; question.Type == dnsmessage.TypeA {
			message.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 1}, Body: &dnsmessage.AResource{A: address},
			}}
		}
		answer, err := message.AppendPack(make([]byte, 2))
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(answer, uint16(len(answer)-2))
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// served returns the serial number of the certificate that the shop shows.
func served(t *testing.T, client *http.Client) *big.Int {
	t.Helper()
	response, err := client.Get("https://" + shopName + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "HTTP/2.0", response.Proto)
	return response.TLS.PeerCertificates[0].SerialNumber
}

// awaitCertificate waits until the program has a certificate.
func awaitCertificate(t *testing.T, authority *pebble, p *program) {
	t.Helper()
	for begun := time.Now(); !strings.Contains(said(t, p.stdout), `msg="certificate ready" domain=`+shopName); time.Sleep(50 * time.Millisecond) {
		require.Less(t, time.Since(begun), time.Minute, "no certificate: %s", said(t, p.stdout)+said(t, authority.process.stdout))
	}
}

func TestACertificateIsObtainedByACMEAndKept(t *testing.T) {
	slow(t)
	t.Parallel()
	authority, dir := startPebble(t, 24*time.Hour, "127.0.0.1"), t.TempDir()
	p := start(t, dir, authority.environment...)
	awaitCertificate(t, authority, p)
	client := authority.client(t, authority.tlsPort)
	serial := served(t, client)
	require.True(t, sendBy(client, "POST", "https://"+shopName+"/user/register", "", testUser).ok())

	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := plain.Get(fmt.Sprintf("http://127.0.0.1:%d/console", authority.httpPort))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 308, response.StatusCode)
	require.Equal(t, fmt.Sprintf("https://127.0.0.1:%d/console", authority.tlsPort), response.Header.Get("Location"))

	executable, err := build()
	require.NoError(t, err)
	probe := exec.Command(executable, "healthcheck")
	probe.Dir, probe.Env = dir, p.Env
	out, err := probe.CombinedOutput()
	require.NoError(t, err, string(out))

	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "data", "certificates"), func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s can be read by others", path)
		if !entry.IsDir() {
			files++
		}
		return nil
	}))
	require.GreaterOrEqual(t, files, 2, "the account and the certificate")

	p.stop(t)
	authority.process.kill()
	p = start(t, dir, authority.environment...)
	p.url(t)
	require.Equal(t, serial, served(t, client), "the authority is away, and the certificate is good")
	p.stop(t)
	require.NotContains(t, said(t, p.stdout), "level=WARN")
}

func TestACertificateIsObtainedAtThePortOfPlainHTTPAlone(t *testing.T) {
	slow(t)
	t.Parallel()
	authority := startPebble(t, 24*time.Hour, "127.0.0.1")
	port := freePort(t) // where the authority does not look
	p := start(t, t.TempDir(), append(authority.environment, fmt.Sprint("PORT=", port))...)
	awaitCertificate(t, authority, p)
	served(t, authority.client(t, port))
	p.stop(t)
}

func TestACertificateIsRenewedWhileClientsConnect(t *testing.T) {
	slow(t)
	t.Parallel()
	authority := startPebble(t, 30*time.Second, "127.0.0.1") // renewed after 20
	p := start(t, t.TempDir(), authority.environment...)
	awaitCertificate(t, authority, p)
	client := authority.client(t, authority.tlsPort)
	before := served(t, client)
	var connected, failed atomic.Int64
	require.Eventually(t, func() bool {
		if sendBy(client, "GET", "https://"+shopName+"/healthz", "", "").ok() {
			connected.Add(1)
		} else {
			failed.Add(1)
		}
		return served(t, client).Cmp(before) != 0
	}, 90*time.Second, 100*time.Millisecond, "it is not renewed")
	require.Zero(t, failed.Load())
	require.Greater(t, connected.Load(), int64(10))
	p.stop(t)
}

func TestWithoutACertificateTheLogSaysWhatIsMissing(t *testing.T) {
	slow(t)
	t.Parallel()
	authority := startPebble(t, 24*time.Hour, "127.0.0.2") // a name that leads to another machine
	p := start(t, t.TempDir(), authority.environment...)
	require.Eventually(t, func() bool {
		return strings.Contains(said(t, p.stdout), "the authority must reach this machine by that name, on port 80 or 443")
	}, 60*time.Second, 50*time.Millisecond)
	_, err := authority.client(t, authority.tlsPort).Get("https://" + shopName + "/healthz")
	require.ErrorContains(t, err, "tls: internal error")
	require.Contains(t, said(t, p.stdout), `level=ERROR msg="no fresh certificate" domain=`+shopName)
	require.Equal(t, 200, send("GET", fmt.Sprintf("http://127.0.0.1:%d/healthz", authority.httpPort), "", "").status, "the service itself is well")
	p.stop(t)
	t.Log(said(t, p.stdout))
}
