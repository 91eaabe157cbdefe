//go:build unix

package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// front is a proxy with TLS.
type front struct {
	url   string // https://
	plain string // http://, where it redirects

	// set makes the proxy send requests to a replica or not, as its operator does. It is nil if the proxy asks replicas
	// whether they are ready.
	set func(t *testing.T, port int, used bool)
}

// startProxy starts a proxy before two replicas of the whole service, on ports.
type startProxy func(t *testing.T, ports [2]int) front

// proxies are those with an example in deploy, which is what they run with.
func proxies() map[string]startProxy {
	return map[string]startProxy{
		"nginx":   func(t *testing.T, ports [2]int) front { return nginx(t, ports, ports) },
		"HAProxy": haproxy,
		"Caddy":   caddy,
	}
}

// challenge is the path of a file that certbot shows to the authority, and its content.
const challenge = "/.well-known/acme-challenge/token"

// nginx starts nginx before replicas of the modules.
func nginx(t *testing.T, users, orders [2]int) front {
	t.Helper()
	binary, dir := tool(t, "nginx"), t.TempDir()
	temporary := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} { // the default folders belong to root
		temporary += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(challenge)), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, challenge), []byte(challenge), 0o644))
	plain, port := freePort(t), freePort(t)
	chain, key := issued(t)
	file := example(t, "nginx.conf", map[string]string{
		"listen 80;": fmt.Sprintf("listen %s;", local(plain)), "http {": temporary, "root /var/www/acme;": "root " + dir + ";",
		"listen 443 ssl http2;":                                fmt.Sprintf("listen %s ssl http2;", local(port)),
		"/etc/letsencrypt/live/shop.example.com/fullchain.pem": chain, "/etc/letsencrypt/live/shop.example.com/privkey.pem": key,
		"127.0.0.1:5001": local(users[0]), "127.0.0.1:5002": local(users[1]),
		"127.0.0.1:5003": local(orders[0]), "127.0.0.1:5004": local(orders[1]),
	})
	f, master := runFront(t, plain, port, binary, "-c", file, "-p", dir, "-e", "stderr",
		"-g", fmt.Sprintf("daemon off; user root; pid %s/pid;", dir))
	f.set = func(t *testing.T, port int, used bool) {
		t.Helper()
		server := "server " + local(port) + " "
		text := strings.ReplaceAll(said(t, file), server+"down ", server)
		if !used {
			text = strings.ReplaceAll(text, server, server+"down ")
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		before := children(t, master.Pid)
		require.NoError(t, master.Signal(syscall.SIGHUP)) // nginx -s reload
		require.Eventually(t, func() bool {
			return !slices.ContainsFunc(before, func(worker int) bool { return slices.Contains(children(t, master.Pid), worker) })
		}, 30*time.Second, 20*time.Millisecond, "the workers with the previous configuration do not end")
	}
	return f
}

// children returns the ids of the processes that a process has started.
func children(t *testing.T, parent int) (ids []int) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(parent)).Output()
	require.NoError(t, err)
	for _, field := range strings.Fields(string(out)) {
		id, err := strconv.Atoi(field)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}

func haproxy(t *testing.T, ports [2]int) front {
	t.Helper()
	binary, plain, port := tool(t, "haproxy"), freePort(t), freePort(t)
	certbot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(certbot.Close)
	chain, key := issued(t)
	certificate := filepath.Join(t.TempDir(), "shop.example.com.pem")
	require.NoError(t, os.WriteFile(certificate, []byte(said(t, chain)+said(t, key)), 0o600))
	inside := "abns@" + filepath.Base(t.TempDir()) + local(port)
	file := example(t, "haproxy.cfg", map[string]string{
		"server inside abns@userorder": "server inside " + inside, "bind abns@userorder": "bind " + inside,
		"bind :80": "bind " + local(plain), "bind :443 ssl crt /etc/haproxy/certs/": "bind " + local(port) + " ssl crt " + filepath.Dir(certificate),
		"127.0.0.1:5001": local(ports[0]), "127.0.0.1:5002": local(ports[1]), "127.0.0.1:8402": certbot.Listener.Addr().String(),
	})
	f, _ := runFront(t, plain, port, binary, "-db", "-f", file)
	return f
}

func caddy(t *testing.T, ports [2]int) front {
	t.Helper()
	binary, plain, port := tool(t, "caddy"), freePort(t), freePort(t)
	chain, key := issued(t)
	file := example(t, "Caddyfile", map[string]string{
		"http:// {":                fmt.Sprintf("{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\thttp_port %d\n\thttps_port %d\n}\nhttp:// {\n\tbind 127.0.0.1", plain, port),
		"shop.example.com, :443 {": fmt.Sprintf("shop.example.com, :%d {\n\tbind 127.0.0.1\n\ttls %s %s", port, chain, key),
		"127.0.0.1:5001":           local(ports[0]), "127.0.0.1:5002": local(ports[1]),
	})
	f, _ := runFront(t, plain, port, binary, "run", "--config", file, "--adapter", "caddyfile")
	return f
}

// dial connects to the port with TLS, for HTTP/1, until the test ends or 10 seconds have passed.
func (f front) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(f.url, "https://"), trusting())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

func local(port int) string { return fmt.Sprint("127.0.0.1:", port) }

// tool returns the path of a program. Debian has some where root alone looks.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	need(t, name, err)
	return path
}

// example copies a file of deploy with texts replaced, each of which must be there once, and returns its path.
func example(t *testing.T, name string, replace map[string]string) (file string) {
	t.Helper()
	text, err := os.ReadFile("../deploy/" + name)
	require.NoError(t, err)
	var pairs []string
	for from, to := range replace {
		require.Equal(t, 1, strings.Count(string(text), from), from)
		pairs = append(pairs, from, to)
	}
	file = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600))
	return file
}

// runProxy runs a proxy until the test ends, waits until it answers on port, and returns its URL.
func runProxy(t *testing.T, port int, binary string, args ...string) string {
	t.Helper()
	base := "http://" + local(port)
	runUntilTheEnd(t, base, binary, args...)
	return base
}

func runFront(t *testing.T, plain, port int, binary string, args ...string) (front, *os.Process) {
	t.Helper()
	f := front{url: "https://" + local(port), plain: "http://" + local(plain)}
	return f, runUntilTheEnd(t, f.url, binary, args...)
}

// runUntilTheEnd runs a server until the test ends, and waits until it answers at base.
func runUntilTheEnd(t *testing.T, base, binary string, args ...string) *os.Process {
	t.Helper()
	var output bytes.Buffer
	command := exec.Command(binary, args...)
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), &output, &output
	command.Env = append(os.Environ(), "HOME="+command.Dir)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s: %s", binary, output.String())
		}
	})
	require.Eventually(t, func() bool { return send("GET", base+"/healthz", "", "").status > 0 }, 15*time.Second, 20*time.Millisecond,
		"%s does not answer", binary)
	return command.Process
}
