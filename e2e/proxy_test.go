//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startProxy starts a proxy before two replicas of the whole service, on ports, and returns its URL.
type startProxy func(t *testing.T, ports [2]int) string

// proxies are those with an example in deploy, which is what they run with.
func proxies() map[string]startProxy {
	return map[string]startProxy{
		"nginx":   func(t *testing.T, ports [2]int) string { return nginx(t, ports, ports) },
		"HAProxy": haproxy,
		"Caddy":   caddy,
	}
}

// nginx starts nginx before replicas of the modules and returns its URL.
func nginx(t *testing.T, users, orders [2]int) string {
	t.Helper()
	binary, dir := tool(t, "nginx"), t.TempDir()
	temporary := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} { // the default folders belong to root
		temporary += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	port := freePort(t)
	file := example(t, "nginx.conf", map[string]string{
		"listen 80;": fmt.Sprintf("listen 127.0.0.1:%d;", port), "http {": temporary,
		"127.0.0.1:5001": local(users[0]), "127.0.0.1:5002": local(users[1]),
		"127.0.0.1:5003": local(orders[0]), "127.0.0.1:5004": local(orders[1]),
	})
	return runProxy(t, port, binary, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"),
		"-g", fmt.Sprintf("daemon off; master_process off; pid %s/pid;", dir))
}

func haproxy(t *testing.T, ports [2]int) string {
	t.Helper()
	binary, port := tool(t, "haproxy"), freePort(t)
	file := example(t, "haproxy.cfg", map[string]string{
		"bind :80": "bind " + local(port), "127.0.0.1:5001": local(ports[0]), "127.0.0.1:5002": local(ports[1]),
	})
	return runProxy(t, port, binary, "-db", "-f", file)
}

func caddy(t *testing.T, ports [2]int) string {
	t.Helper()
	binary, port := tool(t, "caddy"), freePort(t)
	file := example(t, "Caddyfile", map[string]string{
		":80 {":          fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://:%d {\n\tbind 127.0.0.1", port),
		"127.0.0.1:5001": local(ports[0]), "127.0.0.1:5002": local(ports[1]),
	})
	return runProxy(t, port, binary, "run", "--config", file, "--adapter", "caddyfile")
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
	command := exec.Command(binary, args...)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "HOME="+command.Dir)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	base := "http://" + local(port)
	require.Eventually(t, func() bool { return send("GET", base+"/healthz", "", "").status > 0 }, 15*time.Second, 20*time.Millisecond,
		"%s does not answer", binary)
	return base
}
