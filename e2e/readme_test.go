//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// reader runs the shell blocks of a README in order.
type reader struct {
	dir, binary, postgres string
	service, receiver     *program
	base, ops             string
	token, refresh        string // those of the last output
	receives              string // what the README says that its receiver of webhooks prints
}

var (
	shellBlock  = regexp.MustCompile("(?s)```sh\n(.*?)```")
	aToken      = regexp.MustCompile(`"token":"([^"]+)"`)
	aRefresh    = regexp.MustCompile(`"refresh_token":"([^"]+)"`)
	received    = regexp.MustCompile("`(order\\.\\w+ \\d+)`")
	placeholder = "postgres://USER:PASSWORD@HOST:5432/DATABASE"
)

func TestTheCommandsOfTheREADMEsWork(t *testing.T) {
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", name))
			require.NoError(t, err)
			binary, err := build()
			require.NoError(t, err)
			r := &reader{dir: t.TempDir(), binary: binary, postgres: databasetest.Postgres(t)}
			line := received.FindSubmatch(text)
			require.NotNil(t, line)
			r.receives = string(line[1]) + "\n"
			blocks := shellBlock.FindAllSubmatch(text, -1)
			require.Greater(t, len(blocks), 6)
			for _, block := range blocks {
				r.follow(t, string(block[1]))
			}
			require.NotNil(t, r.receiver)
		})
	}
}

// follow runs one block. Blocks that start or stop the service, or run these very tests, are replaced.
func (r *reader) follow(t *testing.T, block string) {
	t.Helper()
	switch strings.TrimSpace(block) {
	case "go run .":
		r.serve(t)
	case "OPS_ADDR=127.0.0.1:5001 go run .":
		r.service.stop(t)
		r.ops = fmt.Sprint("127.0.0.1:", freePort(t))
		r.serve(t, "OPS_ADDR="+r.ops)
	case "make test", "make chaos", "make postman", "make bench", "make bench-quick": // checked for existence only
		out, err := exec.Command("make", "-C", "..", "-n", strings.Fields(block)[1]).CombinedOutput()
		require.NoError(t, err, "%s", out)
	case "prometheus --config.file deploy/prometheus.yml --storage.tsdb.path /tmp/prometheus": // a test of its own runs it
		require.FileExists(t, "../deploy/prometheus.yml")
	case "export WEBHOOK_SECRET=$(go run . webhook-secret)\nPORT=8080 go run ./docs/receivers &\nWEBHOOK_URLS=http://127.0.0.1:8080/ go run .":
		r.service.stop(t)
		r.serveWithReceiver(t)
	default:
		stopped := strings.Contains(block, "data/app.db") || strings.Contains(block, " restore ")
		if stopped {
			r.service.stop(t)
		}
		r.run(t, block)
		r.awaitReceiver(t)
		if stopped && !strings.Contains(block, "migrate-data") {
			r.serve(t)
		}
	}
}

func (r *reader) serve(t *testing.T, settings ...string) {
	t.Helper()
	r.service = start(t, r.dir, append(settings, "JWT_SECRET=")...)
	r.base = r.service.url(t)
}

// serveWithReceiver starts the service, and the example of a receiver that it sends webhooks to.
func (r *reader) serveWithReceiver(t *testing.T) {
	t.Helper()
	secret, err := exec.Command(r.binary, "webhook-secret").Output()
	require.NoError(t, err)
	binary, err := buildReceiver()
	require.NoError(t, err)
	port := fmt.Sprint(freePort(t))
	shared := "WEBHOOK_SECRET=" + strings.TrimSpace(string(secret))
	r.receiver = launch(t, r.dir, exec.Command(binary), shared, "PORT="+port)
	r.serve(t, shared, "WEBHOOK_URLS=http://127.0.0.1:"+port+"/")
}

// awaitReceiver waits until the receiver, if one runs, has printed what the README says, and nothing else.
func (r *reader) awaitReceiver(t *testing.T) {
	t.Helper()
	if r.receiver != nil {
		require.Eventually(t, func() bool { return said(t, r.receiver.stdout) == r.receives }, 20*time.Second, 20*time.Millisecond,
			"the receiver does not print %s", r.receives)
	}
}

// buildReceiver compiles the example of a receiver once.
var buildReceiver = sync.OnceValues(func() (string, error) {
	return compile("../docs/receivers", "receiver")
})

// run runs a block and compares its output with the comments that begin with "# {".
func (r *reader) run(t *testing.T, block string) {
	t.Helper()
	var want, script []string
	for line := range strings.Lines(block) {
		if comment, ok := strings.CutPrefix(line, "# {"); ok {
			want = append(want, "{"+strings.TrimSpace(comment))
			continue
		}
		script = append(script, line)
	}
	text := strings.Join(script, "")
	text = strings.NewReplacer("localhost:5000", r.base, "localhost:5001", r.ops, "curl", "curl -sS", placeholder, r.postgres,
		"TOKEN=eyJhbGciOi…", "TOKEN="+r.token, "STAFF=eyJhbGciOi…", "STAFF="+r.token, "TOKEN=AQAAAA…", "TOKEN="+r.refresh, "go run . ", r.binary+" ").Replace(text)
	command := exec.Command("bash", "-euc", text)
	command.Dir = r.dir
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, out)
	if found := aToken.FindSubmatch(out); found != nil {
		r.token = string(found[1])
	}
	if found := aRefresh.FindSubmatch(out); found != nil {
		r.refresh = string(found[1])
	}
	if len(want) == 0 {
		return
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, got, len(want), "%s", out)
	for i, answer := range want {
		pattern := regexp.QuoteMeta(answer)
		pattern = strings.ReplaceAll(pattern, "…", `[^"]+`)
		pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("2026-01-02T03:04:05.678Z"), `[^"]+Z`)
		require.Regexp(t, "^"+pattern+"$", got[i])
	}
}
