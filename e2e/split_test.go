//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/e2e/tutorial"
)

// nginx starts nginx with deploy/nginx.conf, in which it replaces addresses, and returns its URL.
func nginx(t *testing.T, replace map[string]string) string {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/nginx")
	}
	need(t, "nginx", err)
	text, err := os.ReadFile("../deploy/nginx.conf")
	require.NoError(t, err)
	dir := t.TempDir()
	port := freePort(t)
	config := strings.Replace(string(text), "listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", port), 1)
	for from, to := range replace {
		require.Equal(t, 1, strings.Count(config, from), from)
		config = strings.Replace(config, from, to, 1)
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} { // the default folders belong to root
		config = strings.Replace(config, "http {", fmt.Sprintf("http {\n%s_temp_path %s/%s;", kind, dir, kind), 1)
	}
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	command := exec.Command(binary, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"),
		"-g", fmt.Sprintf("daemon off; master_process off; pid %s/pid;", dir))
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	require.Eventually(t, func() bool { return send("GET", base+"/healthz", "", "").status > 0 }, 10*time.Second, 10*time.Millisecond,
		"nginx does not respond")
	return base
}

// split runs each module as a service of its own, with two replicas each, behind nginx.
type split struct {
	base          string
	users, orders [2]*program
	start         func(module string, n int) *program
}

func newSplit(t *testing.T) *split {
	s := &split{}
	databases := map[string]string{"user": databasetest.Postgres(t), "order": databasetest.Postgres(t)}
	ports := map[string][2]int{"user": {freePort(t), freePort(t)}, "order": {freePort(t), freePort(t)}}
	s.start = func(module string, n int) *program {
		p := start(t, t.TempDir(), "MODULES="+module, "RATE_LIMIT=on", "TRUSTED_PROXIES=127.0.0.1",
			strings.ToUpper(module)+"_DATABASE_URL="+databases[module], fmt.Sprint("PORT=", ports[module][n]))
		p.url(t)
		return p
	}
	for n := range 2 {
		s.users[n], s.orders[n] = s.start("user", n), s.start("order", n)
	}
	s.base = nginx(t, map[string]string{
		"127.0.0.1:5001": fmt.Sprint("127.0.0.1:", ports["user"][0]), "127.0.0.1:5002": fmt.Sprint("127.0.0.1:", ports["user"][1]),
		"127.0.0.1:5003": fmt.Sprint("127.0.0.1:", ports["order"][0]), "127.0.0.1:5004": fmt.Sprint("127.0.0.1:", ports["order"][1]),
	})
	return s
}

func TestAClientOfTheTutorialWorksWithModulesAsServices(t *testing.T) {
	t.Parallel()
	tutorial.Follow(t, newSplit(t).base, http.DefaultClient.Do)
}

func TestEachModuleWorksWhileTheOtherIsDown(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	token := login(t, s.base)
	require.True(t, create(s.base, token, "with all services up").ok())

	s.users[0].kill() // the other replica takes over
	for range 20 {
		require.True(t, send("GET", s.base+"/user/info", token, "").ok())
	}
	require.Equal(t, "用户名已存在", send("POST", s.base+"/user/register", "", testUser).Msg)

	s.users[1].kill()
	answer := send("GET", s.base+"/user/info", token, "")
	require.Equal(t, 503, answer.status)
	require.Equal(t, "服务暂不可用，请稍后重试", answer.Msg, "nginx responds with its own page")
	answer = send("POST", s.base+"/user/register", "", testUser)
	require.Equal(t, "结果未知，请查询后再决定是否重试", answer.Msg, "a write that may have happened is reported as failed")
	require.Empty(t, answer.header.Get("Retry-After"))
	for range 10 {
		require.True(t, create(s.base, token, "with no user service up").ok())
	}

	s.users[0] = s.start("user", 0)
	s.orders[0].kill()
	s.orders[1].kill()
	require.Equal(t, 503, send("GET", s.base+"/order/query/1", token, "").status)
	require.Eventually(t, func() bool { return send("GET", s.base+"/user/info", token, "").ok() }, 5*time.Second, 50*time.Millisecond)
	s.orders[1] = s.start("order", 1)
	require.Eventually(t, func() bool { return send("GET", s.base+"/order/query/1", token, "").ok() },
		5*time.Second, 50*time.Millisecond)
}

func TestModulesOnFilesOfTheirOwnShareOnlyASecret(t *testing.T) {
	t.Parallel()
	users := start(t, t.TempDir(), "MODULES=user")
	orders := start(t, t.TempDir(), "MODULES=order")
	token := login(t, users.url(t))
	require.True(t, create(orders.url(t), token, "paid").ok())
	require.Equal(t, 404, send("GET", users.url(t)+"/order/query/1", token, "").status)
	require.Equal(t, 404, send("GET", orders.url(t)+"/user/info", token, "").status)
}
