//go:build unix

package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// postgres is a PostgreSQL server that belongs to one test, which may crash, freeze, replicate or promote it.
type postgres struct {
	bin, dir string
	port     int
	settings []string // NAME=VALUE, passed with -c
	owner    *syscall.SysProcAttr
	lifeline io.Closer // closing it stops the server, so the server never outlives the test process
	ended    chan struct{}
}

// smallPool makes the statements of a few clients wait for each other on PostgreSQL, so that they are sent in groups.
const smallPool = "DATABASE_POOL_SIZE=2"

// lifeline runs a server until standard input closes, which it does even if the test process is killed.
const lifeline = `"$@" >>log 2>&1 & cat >/dev/null; kill -QUIT $! 2>/dev/null; wait`

// freePort returns a port without a listener, below the ephemeral ports of common systems.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.N(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, listener.Close())
			return port
		}
	}
	require.FailNow(t, "no port is free")
	return 0
}

// newPostgres creates a cluster and starts it with settings.
func newPostgres(t *testing.T, settings ...string) *postgres {
	t.Helper()
	p := emptyPostgres(t)
	p.settings = settings
	p.command(t, "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	p.start(t)
	return p
}

// emptyPostgres returns a server without a cluster. It skips the test if PostgreSQL is not installed, or fails it if
// REQUIRE_POSTGRES=1.
func emptyPostgres(t *testing.T) *postgres {
	t.Helper()
	bin, err := databasetest.PostgresBinaries()
	if err != nil && os.Getenv("REQUIRE_POSTGRES") != "1" {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "userorder-postgres-") // not t.TempDir: the path of a socket is limited to 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	owner, err := databasetest.PostgresUser(dir)
	require.NoError(t, err)
	return &postgres{bin: bin, dir: dir, port: freePort(t), owner: owner}
}

func (p *postgres) command(t *testing.T, name string, args ...string) {
	t.Helper()
	command := exec.Command(filepath.Join(p.bin, name), args...)
	command.Dir, command.SysProcAttr = p.dir, p.owner
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s: %s", name, out)
}

// start starts the server and waits until it accepts queries.
func (p *postgres) start(t *testing.T) {
	t.Helper()
	args := []string{"-c", lifeline, "sh", filepath.Join(p.bin, "postgres"), "-D", filepath.Join(p.dir, "data"),
		"-k", p.dir, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"}
	for _, setting := range p.settings {
		args = append(args, "-c", setting)
	}
	command := exec.Command("sh", args...)
	command.Dir, command.SysProcAttr = p.dir, p.owner
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	p.lifeline, p.ended = stdin, make(chan struct{})
	go func(ended chan struct{}) {
		_ = command.Wait()
		close(ended)
	}(p.ended)
	t.Cleanup(p.end)
	p.await(t)
}

func (p *postgres) end() {
	_ = p.lifeline.Close()
	<-p.ended
}

// await waits until the server accepts queries.
func (p *postgres) await(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return p.query("SELECT 1") == "1" }, 30*time.Second, 20*time.Millisecond,
		"PostgreSQL does not accept queries")
}

// query returns the single value of a query, or the text of the error.
func (p *postgres) query(query string) (value string) {
	db, err := sql.Open("pgx", p.url())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(query).Scan(&value); err != nil {
		return err.Error()
	}
	return value
}

func (p *postgres) url() string { return urlOf(p) }

// urlOf returns a URL that lists servers as alternatives.
func urlOf(servers ...*postgres) string {
	var hosts []string
	for _, p := range servers {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", p.port))
	}
	return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", strings.Join(hosts, ","))
}

// stop sends SIGINT (fast shutdown) or SIGQUIT (immediate shutdown, as in a crash) and waits for the end.
func (p *postgres) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	pid := p.pid(t) // which is gone with its file a moment before the process ends
	require.NoError(t, syscall.Kill(pid, signal))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(p.dir, "data", "postmaster.pid"))
		return errors.Is(err, os.ErrNotExist) || syscall.Kill(pid, 0) != nil
	}, 20*time.Second, 5*time.Millisecond, "PostgreSQL does not stop")
	p.end()
}

func (p *postgres) pid(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	return pid
}

// standby starts a streaming replica of the server and waits until it streams.
func (p *postgres) standby(t *testing.T) *postgres {
	t.Helper()
	s := emptyPostgres(t)
	s.command(t, "pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", "-D", "data", "-R",
		"-c", "fast", "--no-sync")
	s.start(t)
	require.Eventually(t, func() bool { return p.query("SELECT state FROM pg_stat_replication") == "streaming" },
		30*time.Second, 50*time.Millisecond, "the standby does not stream")
	return s
}

// freeze sends SIGSTOP or SIGCONT to every process of the server, which stalls it without closing a connection.
func (p *postgres) freeze(t *testing.T, signal syscall.Signal) {
	t.Helper()
	pid := p.pid(t)
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	require.NoError(t, err)
	for _, child := range append(strings.Fields(string(out)), strconv.Itoa(pid)) {
		process, err := strconv.Atoi(child)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(process, signal))
	}
}
