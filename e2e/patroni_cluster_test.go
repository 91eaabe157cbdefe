//go:build linux

package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// patroni is a cluster of three PostgreSQL nodes, which deploy/patroni/cluster.sh runs.
type patroni struct {
	folder                 string
	env                    []string          // of cluster.sh
	addresses              map[string]string // by node
	etcd                   string            // its address
	postgresPort, restPort int
	namespaces             string // prefix of the network namespaces of the nodes
	unisolated             error  // why the nodes have no namespaces
	urls                   [2]string
}

var patroniNodes = []string{"one", "two", "three"}

// patroniLifeline waits until standard input closes, which it does even if the test process is killed, and then removes
// everything.
const patroniLifeline = `
cat >/dev/null
../deploy/patroni/cluster.sh stop "$1" >/dev/null 2>&1
for node in hub one two three; do ip netns del "$NETNS-$node"; done 2>/dev/null
rm -rf "$1"`

// newPatroni starts a cluster. Its nodes have network namespaces where that is allowed, and addresses of the loopback interface
// otherwise.
func newPatroni(t *testing.T) *patroni {
	t.Helper()
	for _, name := range []string{"patroni", "patronictl", "etcd", "haproxy", "setpriv"} {
		tool(t, name)
	}
	bin, err := databasetest.PostgresBinaries()
	need(t, "PostgreSQL", err)
	folder, err := os.MkdirTemp("", "userorder-patroni-")
	require.NoError(t, err)
	c := &patroni{
		folder: folder, postgresPort: freePort(t), restPort: freePort(t),
		namespaces: fmt.Sprintf("uo%d", os.Getpid()),
	}
	c.network()
	c.env = append(os.Environ(), "POSTGRES_BIN="+bin, "ONE="+c.addresses["one"], "TWO="+c.addresses["two"],
		"THREE="+c.addresses["three"], "ETCD="+c.etcd, fmt.Sprint("POSTGRES_PORT=", c.postgresPort), fmt.Sprint("REST_PORT=", c.restPort),
		fmt.Sprint("HAPROXY_PORT=", freePort(t)), fmt.Sprint("ETCD_PORT=", freePort(t)), fmt.Sprint("ETCD_PEER_PORT=", freePort(t)))
	if c.unisolated == nil {
		c.env = append(c.env, "NETNS="+c.namespaces)
	}

	lifeline := exec.Command("sh", "-c", patroniLifeline, "sh", folder)
	lifeline.Env = slices.Concat(c.env, []string{"NETNS=" + c.namespaces})
	lifeline.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not end it
	stdin, err := lifeline.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, lifeline.Start())
	t.Cleanup(func() {
		if t.Failed() {
			c.printLogs(t)
		}
		_ = stdin.Close()
		_ = lifeline.Wait()
	})

	urls := regexp.MustCompile(`postgres://\S+`).FindAllString(c.command(t, "start"), -1)
	require.Len(t, urls, 2)
	c.urls = [2]string(urls)
	return c
}

// network gives each node a network namespace on a bridge, in one of its own so that no firewall of this machine sees what
// passes. It sets unisolated if that is not possible.
func (c *patroni) network() {
	subnet := fmt.Sprintf("198.18.%d.", rand.N(256)) // for tests of networks: RFC 2544
	hub, outside := c.namespaces+"-hub", c.namespaces+"-out"
	commands := []string{
		"netns add " + hub,
		"-n " + hub + " link add br0 type bridge",
		"-n " + hub + " link set br0 up",
		"link add " + outside + " type veth peer name outside netns " + hub,
		"-n " + hub + " link set outside master br0 up",
		"addr add " + subnet + "1/24 dev " + outside,
		"addr add " + subnet + "5/24 dev " + outside, // etcd
		"link set " + outside + " up",
	}
	c.etcd, c.addresses = subnet+"5", map[string]string{}
	for i, node := range patroniNodes {
		namespace := c.namespaces + "-" + node
		c.addresses[node] = fmt.Sprint(subnet, i+2)
		commands = append(commands,
			"netns add "+namespace,
			"-n "+hub+" link add "+node+" type veth peer name eth0 netns "+namespace,
			"-n "+hub+" link set "+node+" master br0 up",
			"-n "+namespace+" addr add "+c.addresses[node]+"/24 dev eth0",
			"-n "+namespace+" link set eth0 up",
			"-n "+namespace+" link set lo up")
	}
	for _, command := range commands {
		if c.unisolated = ip(command); c.unisolated != nil {
			c.etcd, c.addresses = "127.0.0.1", map[string]string{"one": "127.0.0.2", "two": "127.0.0.3", "three": "127.0.0.4"}
			return
		}
	}
}

func ip(command string) error {
	out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// cut makes a node lose whatever it sends to etcd and to the other nodes. Clients still reach it.
func (c *patroni) cut(t *testing.T, node string) {
	t.Helper()
	for _, address := range c.beyond(node) {
		require.NoError(t, ip("-n "+c.namespaces+"-"+node+" neigh replace "+address+" lladdr 02:00:00:00:00:01 nud permanent dev eth0"))
	}
}

// join ends cut.
func (c *patroni) join(t *testing.T, node string) {
	t.Helper()
	for _, address := range c.beyond(node) {
		require.NoError(t, ip("-n "+c.namespaces+"-"+node+" neigh del "+address+" dev eth0"))
	}
}

// beyond returns the addresses of everything that a node talks to.
func (c *patroni) beyond(node string) (addresses []string) {
	for other, address := range c.addresses {
		if other != node {
			addresses = append(addresses, address)
		}
	}
	return append(addresses, c.etcd)
}

// command runs cluster.sh and returns what it prints.
func (c *patroni) command(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "../deploy/patroni/cluster.sh", append([]string{name, c.folder}, args...)...)
	command.Env, command.WaitDelay = c.env, time.Second
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "cluster.sh %s %v: %s%s", name, args, out, stderr.String())
	return string(out)
}

// says reports that Patroni's REST API answers 200, as a health check asks it.
func (c *patroni) says(node, path string) bool {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	response, err := client.Get(fmt.Sprintf("http://%s:%d%s", c.addresses[node], c.restPort, path))
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == 200
}

// await waits until a node says yes.
func (c *patroni) await(t *testing.T, node, path string) {
	t.Helper()
	require.Eventually(t, func() bool { return c.says(node, path) }, 90*time.Second, 100*time.Millisecond, "node %s: %s", node, path)
}

// whole waits until one node leads, and the others are standbys, one of them synchronous. It returns the leader.
func (c *patroni) whole(t *testing.T) (leader string) {
	t.Helper()
	require.Eventually(t, func() bool {
		counts := map[string]int{}
		for _, node := range patroniNodes {
			for _, path := range []string{"/primary", "/replica?lag=1MB", "/synchronous"} {
				if c.says(node, path) {
					counts[path]++
					if path == "/primary" {
						leader = node
					}
				}
			}
		}
		return counts["/primary"] == 1 && counts["/replica?lag=1MB"] == 2 && counts["/synchronous"] == 1
	}, 90*time.Second, 100*time.Millisecond, "the cluster does not become whole")
	return leader
}

// otherLeader waits until a node other than former leads.
func (c *patroni) otherLeader(t *testing.T, former string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, node := range patroniNodes {
			if node != former && c.says(node, "/primary") {
				return true
			}
		}
		return false
	}, 90*time.Second, 100*time.Millisecond, "nobody takes over from %s", former)
}

// pid reads the process from the first line of a file.
func (c *patroni) pid(t *testing.T, file string) int {
	t.Helper()
	line, _, _ := strings.Cut(said(t, filepath.Join(c.folder, file)), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	return pid
}

// signal sends a signal to Patroni and to every process of PostgreSQL on a node, as if its machine had lost power (SIGKILL)
// or had stalled (SIGSTOP).
func (c *patroni) signal(t *testing.T, node string, signal syscall.Signal) {
	t.Helper()
	postmaster := c.pid(t, node+"/postmaster.pid")
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(postmaster)).Output()
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(c.pid(t, node+".pid"), signal))
	require.NoError(t, syscall.Kill(postmaster, signal))
	for _, child := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(child)
		require.NoError(t, err)
		if err := syscall.Kill(pid, signal); !errors.Is(err, syscall.ESRCH) { // it may have ended meanwhile
			require.NoError(t, err)
		}
	}
}

// createProbe creates the table that writeTo writes to.
func (c *patroni) createProbe(t *testing.T) {
	t.Helper()
	db, err := sql.Open("pgx", c.urls[0])
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.Exec("CREATE SCHEMA probe CREATE TABLE written (at timestamptz DEFAULT now())")
	require.NoError(t, err)
}

// writeTo writes to one node, whatever its role is, until the function that it returns is called, which returns the number
// of writes and how many of them were acknowledged.
func (c *patroni) writeTo(t *testing.T, node string) (stop func() (tried, acknowledged int)) {
	t.Helper()
	hosts := regexp.MustCompile(`@[^/]+`)
	db, err := sql.Open("pgx", hosts.ReplaceAllString(c.urls[0], fmt.Sprintf("@%s:%d", c.addresses[node], c.postgresPort)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	tried, acknowledged, done := 0, 0, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			bounded, cancel := context.WithTimeout(ctx, 3*time.Second)
			if _, err := db.ExecContext(bounded, "INSERT INTO probe.written DEFAULT VALUES"); err == nil {
				acknowledged++
			}
			cancel()
			tried++
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() (int, int) {
		cancel()
		<-done
		_ = db.Close()
		return tried, acknowledged
	}
}

func (c *patroni) printLogs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(c.folder, "*.log"))
	for _, file := range files {
		text := said(t, file)
		t.Logf("the end of %s:\n%s", filepath.Base(file), text[max(0, len(text)-6000):])
	}
}
