//go:build unix

package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/certificate/certificatetest"
)

// manager passes a socket on to the programs that it starts, and hears what they say, as systemd does.
type manager struct {
	base   string
	socket *os.File
	notify *net.UnixConn
	said   chan string
}

func newManager(t *testing.T) *manager {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	socket, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	base := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	t.Cleanup(func() { _ = socket.Close() })
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = notify.Close() })
	m := &manager{base, socket, notify, make(chan string, 1000)}
	go func() {
		text := make([]byte, 200)
		for {
			n, err := notify.Read(text)
			if err != nil {
				return
			}
			m.said <- string(text[:n])
		}
	}()
	return m
}

// activated returns the program with sockets that are passed on to it. LISTEN_FDS and LISTEN_FDNAMES are missing still.
func activated(t *testing.T, sockets ...*os.File) *exec.Cmd {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	command := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, binary)
	command.ExtraFiles = sockets
	return command
}

// start starts the program with the socket, and waits until it says that it is ready.
func (m *manager) start(t *testing.T, dir string, settings ...string) *program {
	t.Helper()
	p := launch(t, dir, activated(t, m.socket), append(settings, "LISTEN_FDS=1", "LISTEN_FDNAMES=userorder.socket",
		"NOTIFY_SOCKET="+m.notify.LocalAddr().String(), "WATCHDOG_USEC=400000")...)
	m.hears(t, "READY=1\nSTATUS=serving")
	return p
}

// hears waits until a program says something; others that it says before do not matter.
func (m *manager) hears(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case said := <-m.said:
			if said == want {
				return
			}
		case <-timeout:
			require.FailNow(t, "the program does not say "+want)
		}
	}
}

func TestARestartBehindASocketOfTheServiceManagerFailsNoRequest(t *testing.T) {
	m, dir := newManager(t), t.TempDir()
	p := m.start(t, dir)
	token := login(t, m.base)
	var served atomic.Int64
	var group sync.WaitGroup
	over := make(chan struct{})
	var failures sync.Map
	for client := range 4 {
		// A connection that is kept is closed by the program at a stop, and http.Client tries a POST again on none.
		transport := &http.Transport{DisableKeepAlives: client%2 == 0}
		t.Cleanup(transport.CloseIdleConnections)
		group.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if answer := sendBy(&http.Client{Transport: transport}, "POST", m.base+"/order/create", token, `{"product":"p","price":1}`); answer.ok() {
					served.Add(1)
				} else {
					failures.Store(answer.status, answer.body)
				}
			}
		})
	}
	for range rounds(2, 10) {
		before := served.Load()
		require.Eventually(t, func() bool { return served.Load() > before+20 }, 20*time.Second, time.Millisecond)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		m.hears(t, "STOPPING=1")
		require.Equal(t, 0, p.exit(t), said(t, p.stderr))
		p = m.start(t, dir)
	}
	close(over)
	group.Wait()
	failures.Range(func(status, body any) bool {
		t.Errorf("a request failed: %v %v", status, body)
		return true
	})
	p.stop(t)
	require.NotContains(t, said(t, p.stdout), "level=WARN")
}

func TestOfTwoSocketsTheOneCalledHTTPRedirects(t *testing.T) {
	authority, dir := certificatetest.New(t), t.TempDir()
	certificatePath, keyPath := authority.Write(t, dir, time.Hour, "127.0.0.1")
	first, second := newManager(t), newManager(t)
	run := func(names string) *program {
		return launch(t, dir, activated(t, first.socket, second.socket), "LISTEN_FDS=2", "LISTEN_FDNAMES="+names, "TLS_CERT_FILE="+certificatePath, "TLS_KEY_FILE="+keyPath)
	}
	p := run("http:userorder.socket")
	p.url(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer := sendBy(client, "GET", first.base+"/docs", "", "")
	require.Equal(t, 308, answer.status)
	require.Equal(t, strings.Replace(second.base, "http:", "https:", 1)+"/docs", answer.header.Get("Location"))
	p.stop(t)

	p = run("userorder.socket:other")
	require.Equal(t, 2, p.exit(t))
	require.Contains(t, said(t, p.stderr), "the service manager passes on 2 sockets: one is for the service, and with HTTPS one more for HTTP")
}

func TestASocketThatAnybodyMayOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	socket, err := listener.(*net.UnixListener).File()
	require.NoError(t, err)
	defer func() { _ = socket.Close() }()
	require.NoError(t, os.Chmod(path, 0o666))
	p := launch(t, t.TempDir(), activated(t, socket), "LISTEN_FDS=1")
	require.Equal(t, 2, p.exit(t))
	require.Contains(t, said(t, p.stderr), "which anybody may open: set SocketMode=0660")
}

func TestTheWatchdogHearsFromTheServiceWhileItAnswers(t *testing.T) {
	m := newManager(t)
	p := m.start(t, t.TempDir())
	for range 3 {
		m.hears(t, "WATCHDOG=1")
	}
	require.NoError(t, p.Process.Signal(syscall.SIGSTOP)) // as a program that hangs
	time.Sleep(100 * time.Millisecond)
	for len(m.said) > 0 {
		<-m.said
	}
	select {
	case said := <-m.said:
		require.Fail(t, "a program that hangs says "+said)
	case <-time.After(time.Second):
	}
	require.NoError(t, p.Process.Signal(syscall.SIGCONT))
	m.hears(t, "WATCHDOG=1")
	p.stop(t)
}
