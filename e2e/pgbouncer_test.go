//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/e2e/tutorial"
)

// pgbouncer starts PgBouncer in transaction mode with three connections to server and returns its URL.
func pgbouncer(t *testing.T, server *postgres) string {
	t.Helper()
	binary := tool(t, "pgbouncer")
	port := freePort(t)
	config := filepath.Join(server.dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
[databases]
postgres = host=127.0.0.1 port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
unix_socket_dir =
`, server.port, port), 0o644))
	command := exec.Command(binary, config)
	command.Dir, command.SysProcAttr = server.dir, server.owner
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable&default_query_exec_mode=exec", port)
	through := &postgres{port: port}
	require.Eventually(t, func() bool { return through.query("SELECT 1") == "1" }, 10*time.Second, 20*time.Millisecond)
	return url
}

func TestItWorksThroughPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	url := pgbouncer(t, server)
	// Not through PgBouncer: migrations take a session lock, which transaction mode does not support.
	command := userorder(t, t.TempDir(), []string{"migrate"}, "DATABASE_URL="+server.url())
	require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	p := start(t, t.TempDir(), "DATABASE_URL="+url, "AUTO_MIGRATE=false")
	tutorial.Follow(t, p.url(t), http.DefaultClient.Do)

	l := newLedger(send("POST", p.url(t)+"/user/login", "", testUser).Data.Token)
	over := make(chan struct{})
	wait := l.writeOn(t, p.url(t), 48, over)
	time.Sleep(time.Second)
	close(over)
	wait()
	require.Zero(t, l.unknown+l.unavailable)
	l.checkAll(t, p.url(t))
}
