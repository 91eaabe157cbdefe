package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// output keeps what a program writes, while it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var listening = regexp.MustCompile(`msg=listening address=\S*:(\d+)`)

// baseURL waits until the program says where it listens.
func (o *output) baseURL(t *testing.T) string {
	t.Helper()
	require.Eventually(t, func() bool { return listening.MatchString(o.String()) }, 30*time.Second, time.Millisecond,
		"it does not listen")
	return "http://127.0.0.1:" + listening.FindStringSubmatch(o.String())[1]
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		ctx, stop := context.WithCancel(t.Context())
		var stdout output
		result := make(chan error, 1)
		go func() {
			result <- run(ctx, nil, environment(map[string]string{
				"DATABASE_URL": url, "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s", "RATE_LIMIT": "off",
				"JWT_SECRET": strings.Repeat("s", 32),
			}), &stdout)
		}()
		base := stdout.baseURL(t)
		response, err := http.Post(base+"/user/register", "application/json", strings.NewReader(testUser))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`, string(body))
		stop()
		require.NoError(t, <-result)
		_, err = http.Get(base + "/healthz")
		require.Error(t, err)
		require.NotContains(t, stdout.String(), "test123")
		require.NotContains(t, stdout.String(), "ssssssss")
	})
}

func TestASecretIsMadeBesideTheDatabaseAndKept(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "new", "folder", "app.db")
	secret := filepath.Join(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), "jwt_secret")
	token := member(t, service(t, url, "JWT_SECRET", ""), testUser)
	made, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Greater(t, len(made), 32)

	again := service(t, strings.Replace(url, "app.db", "other.db", 1), "JWT_SECRET", "")
	w := answer(again, request("GET /order/query/1", token, ""))
	require.Equal(t, 200, w.Code, "the second start made another secret")

	fromFile := service(t, databasetest.SQLite(t), "JWT_SECRET", "", "JWT_SECRET_FILE", secret)
	require.Equal(t, 200, answer(fromFile, request("GET /order/query/1", token, "")).Code)
}

// build compiles the program once, into a folder that TestMain removes.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "userorder-build-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	binary := filepath.Join(dir, "userorder")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return binary, nil
})

var builtIn string

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// program is the built binary, running in a folder of its own.
type program struct {
	*exec.Cmd
	stdout, stderr output
}

func start(t *testing.T, dir string, settings ...string) *program {
	binary, err := build()
	require.NoError(t, err)
	p := &program{Cmd: exec.Command(binary)}
	p.Dir, p.Stdout, p.Stderr = dir, &p.stdout, &p.stderr
	p.Env = append([]string{"HOST=127.0.0.1", "PORT=0", "DRAIN_DELAY=0s", "PATH=" + os.Getenv("PATH")}, settings...)
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

// exit waits for the end of the program and returns its status.
func (p *program) exit(t *testing.T) int {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	select {
	case err := <-ended:
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		require.NoError(t, err)
		return 0
	case <-time.After(40 * time.Second):
		require.FailNow(t, "it does not end")
		return -1
	}
}

func TestAProgramThatCannotStartSaysWhyAndExits(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	folder := t.TempDir()

	for _, test := range []struct {
		name     string
		settings []string
		status   int
		stderr   string
	}{
		{"a wrong setting", []string{"PORT=http"}, 2,
			"wrong settings:\nPORT is \"http\" but must be a whole number from 0 to 65535.\n"},
		{"several wrong settings", []string{"TOKEN_TTL=60", "MODULES=users", "JWT_SECRET=jwt-secret-string"}, 2,
			"wrong settings:\nMODULES has \"users\" but knows only: user, order.\n" +
				"TOKEN_TTL is \"60\" but must be a time of at least 1s, like 90s, 15m or 1h.\n" +
				"JWT_SECRET is the secret of the tutorial, which everybody knows.\n"},
		{"a port that is taken", []string{"PORT=" + port}, 1,
			"userorder: listen tcp 127.0.0.1:" + port + ": bind: address already in use\n"},
		{"a database that is a folder", []string{"DATABASE_URL=sqlite:" + folder}, 1,
			"userorder: open sqlite:" + folder + ": open " + folder + ": is a directory\n"},
		{"a server that does not answer", []string{"DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/db", "JWT_SECRET=" + strings.Repeat("s", 32)}, 1,
			"userorder: open postgres://me@127.0.0.1:1/db: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, t.TempDir(), test.settings...)
			require.Equal(t, test.status, p.exit(t))
			said := p.stderr.String()
			require.True(t, strings.HasPrefix(said, test.stderr), said)
			require.NotContains(t, said, "goroutine")
			require.NotContains(t, said, "hunter2")
			if test.status == 1 {
				require.Equal(t, 1, strings.Count(said, "\n"), said)
			}
		})
	}
}

func TestSignalsEndTheProgramWithStatus0(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := start(t, t.TempDir())
		p.stdout.baseURL(t)
		require.NoError(t, p.Process.Signal(signal))
		require.Equal(t, 0, p.exit(t))
		require.Empty(t, p.stderr.String())
	}
}
