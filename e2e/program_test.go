//go:build unix

// Package e2e tests the built program from outside, as its clients and its operator meet it: it is killed,
// starved of disk, flooded and stopped. Under CHAOS=1, as make chaos sets, tests repeat themselves more often
// and those that take long run, too.
package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rounds is how often a test repeats itself: a few times, or often under CHAOS=1.
func rounds(few, often int) int {
	if os.Getenv("CHAOS") != "" {
		return often
	}
	return few
}

// slow marks a test that runs under CHAOS=1 alone.
func slow(t *testing.T) {
	if os.Getenv("CHAOS") == "" {
		t.Skip("takes long: make chaos runs it")
	}
}

// need skips a test where a program or a right is missing, or fails it if REQUIRE_TOOLS=1.
func need(t *testing.T, what string, err error) {
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_TOOLS") == "1":
		require.NoError(t, err, "needs %s, and REQUIRE_TOOLS is set", what)
	default:
		t.Skipf("needs %s: %v", what, err)
	}
}

// binaries is the folder of the built programs. TestMain makes and removes it.
var binaries string

func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 500
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "userorder-build-"); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	if err := os.Chmod(binaries, 0o755); err != nil { // for tests that start a program as another user
		log.Fatal(err)
	}
	return m.Run()
}

// build compiles the program once.
var build = sync.OnceValues(func() (string, error) {
	if err := trackSources(); err != nil {
		return "", err
	}
	return compile("..", "userorder")
})

// compile builds the program from the sources in a folder.
func compile(source, name string) (binary string, err error) {
	binary = filepath.Join(binaries, name)
	command := exec.Command("go", "build", "-o", binary, ".")
	command.Dir = source
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return binary, nil
}

// trackSources reads the folders of the program. Go's test cache tracks the files of this module that a test
// opens, but not those that the go command opens on its behalf: without this a changed program would be
// answered with a cached result.
func trackSources() error {
	return filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		if err == nil && entry.IsDir() && path != ".." && (name[0] == '.' || name == "bench" || name == "data") {
			return filepath.SkipDir
		}
		return err
	})
}

const secret = "a secret of the tests that is long enough"

// program is the built binary, running in a folder of its own.
type program struct {
	*exec.Cmd
	stdout, stderr string // the files that it writes to
	ended          chan struct{}
}

// start starts the program in dir. Unless the settings say otherwise it listens on any port, without limits.
func start(t *testing.T, dir string, settings ...string) *program {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	return launch(t, dir, exec.Command(binary), settings...)
}

// launch is start for a command that becomes the program.
func launch(t *testing.T, dir string, command *exec.Cmd, settings ...string) *program {
	t.Helper()
	output := t.TempDir()
	p := &program{
		Cmd: command, stdout: filepath.Join(output, "stdout"), stderr: filepath.Join(output, "stderr"),
		ended: make(chan struct{}),
	}
	stdout, err := os.Create(p.stdout)
	require.NoError(t, err)
	stderr, err := os.Create(p.stderr)
	require.NoError(t, err)
	p.Dir, p.Stdout, p.Stderr = dir, stdout, stderr
	p.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOST=127.0.0.1", "PORT=0", "DRAIN_DELAY=0s", "RATE_LIMIT=off", "JWT_SECRET=" + secret,
	}, settings...)
	require.NoError(t, p.Start())
	require.NoError(t, errors.Join(stdout.Close(), stderr.Close()))
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// said is what the program has written to a file by now.
func said(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

var listening = regexp.MustCompile(`msg=listening address=\S*:(\d+)`)

// url waits until the program says where it listens.
func (p *program) url(t *testing.T) string {
	t.Helper()
	var found []string
	require.Eventually(t, func() bool {
		found = listening.FindStringSubmatch(said(t, p.stdout))
		return found != nil
	}, 30*time.Second, 2*time.Millisecond, "it does not listen")
	return "http://127.0.0.1:" + found[1]
}

// kill ends the program as a crash would.
func (p *program) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// exit waits for the end of the program and returns its status, which is -1 if a signal ended it.
func (p *program) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(40 * time.Second):
		require.FailNow(t, "it does not end")
		return -1
	}
}

// stop ends the program as its operator would.
func (p *program) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.exit(t), said(t, p.stderr))
}

// requireOneLine checks what a program that could not start has said: one line and no secret.
func requireOneLine(t *testing.T, said string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(said, "\n"), said)
	require.NotContains(t, said, "goroutine")
	require.NotContains(t, said, "hunter2")
}
