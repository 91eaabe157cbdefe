//go:build unix

// Package e2e tests the built program from outside, as clients and operators use it: it kills the program, fills its
// disk, floods it and stops it. CHAOS=1, which make chaos sets, repeats tests more often and runs the slow ones.
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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
)

// rounds returns how often a test repeats itself: few, or often if CHAOS is set.
func rounds(few, often int) int {
	if os.Getenv("CHAOS") != "" {
		return often
	}
	return few
}

// slow skips a test unless CHAOS is set.
func slow(t *testing.T) {
	if os.Getenv("CHAOS") == "" {
		t.Skip("slow: make chaos runs it")
	}
}

// need skips a test if err says that what is missing, such as a program or a right, or fails it if REQUIRE_TOOLS=1.
func need(t *testing.T, what string, err error) {
	t.Helper()
	_ = os.Getenv("TEST_TOOLS") // a list from make, so that go test caches no result across a change of what is installed
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_TOOLS") == "1":
		require.NoError(t, err, "needs %s: REQUIRE_TOOLS is set", what)
	default:
		t.Skipf("needs %s: %v", what, err)
	}
}

// binaries is the folder of the built programs, which TestMain creates and removes.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if trusted, err = certificatetest.NewAuthority(); err != nil {
		log.Print(err)
		return 1
	}
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConnsPerHost, transport.TLSClientConfig = 500, trusting()
	if binaries, err = os.MkdirTemp("", "userorder-build-"); err != nil {
		log.Print(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	if err := os.Chmod(binaries, 0o755); err != nil { // for tests that start a program as another user
		log.Print(err)
		return 1
	}
	return m.Run()
}

// build compiles the program once, with the tags of make build and stripped as there.
var build = sync.OnceValues(func() (string, error) {
	trackSources()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		return "", err
	}
	tags := regexp.MustCompile(`(?m)^TAGS := (\S+)$`).FindSubmatch(makefile)
	if tags == nil {
		return "", errors.New("the Makefile has no TAGS")
	}
	return compile("..", "userorder", "-tags", string(tags[1]), "-ldflags", "-s -w")
})

// compile builds the program from the sources in a folder.
func compile(source, name string, flags ...string) (binary string, err error) {
	binary = filepath.Join(binaries, name)
	command := exec.Command("go", slices.Concat([]string{"build", "-o", binary}, flags, []string{"."})...)
	command.Dir = source
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return binary, nil
}

// trackSources reads the folders of the program. Go's test cache tracks what a test opens in this module, but not
// what the go command opens on its behalf: without this, tests of a changed program would be cached.
func trackSources() {
	_ = filepath.WalkDir("..", func(path string, entry fs.DirEntry, _ error) error {
		name := entry.Name()
		if entry.IsDir() && path != ".." && (name[0] == '.' || name == "bench" || name == "data") {
			return filepath.SkipDir
		}
		return nil
	})
}

const secret = "a secret for tests that is long enough"

// program is a running program with a working folder of its own.
type program struct {
	*exec.Cmd
	stdout, stderr string // paths of the files that it writes to
	ended          chan struct{}
}

// start starts the program in dir. By default it listens on a free port and has no rate limits.
func start(t *testing.T, dir string, settings ...string) *program {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	return launch(t, dir, exec.Command(binary), settings...)
}

// launch starts command as start does the built program. Outputs that command has already are left as they are.
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
	p.Dir = dir
	if p.Stdout == nil {
		p.Stdout = stdout
	}
	if p.Stderr == nil {
		p.Stderr = stderr
	}
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

// said returns what a program has written to a file so far.
func said(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

var listening = regexp.MustCompile(`msg=listening address=\S*:(\d+)`)

// url waits until the program listens and returns its base URL.
func (p *program) url(t *testing.T) string {
	t.Helper()
	var found []string
	require.Eventually(t, func() bool {
		found = listening.FindStringSubmatch(said(t, p.stdout))
		return found != nil
	}, 30*time.Second, 2*time.Millisecond, "the program does not listen")
	return "http://127.0.0.1:" + found[1]
}

// kill ends the program with SIGKILL, as in a crash.
func (p *program) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// exit waits until the program ends and returns its status, which is -1 if a signal ended it.
func (p *program) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(40 * time.Second):
		require.FailNow(t, "the program does not end")
		return -1
	}
}

// stop ends the program with SIGTERM and requires status 0.
func (p *program) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.exit(t), said(t, p.stderr))
}

// requireOneLine checks that a failed start printed a single line without a secret.
func requireOneLine(t *testing.T, said string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(said, "\n"), said)
	require.NotContains(t, said, "goroutine")
	require.NotContains(t, said, "hunter2")
}
