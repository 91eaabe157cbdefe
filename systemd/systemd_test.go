//go:build unix

package systemd_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/systemd"
)

// lookup returns what a manager has put into the environment.
func lookup(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	m := systemd.ReadManager(lookup(nil))
	require.NoError(t, m.Ready("serving"))
	require.NoError(t, m.Alive())
	require.NoError(t, m.Stopping())
	require.Zero(t, m.Watchdog())
	listeners, err := m.Listeners()
	require.NoError(t, err)
	require.Empty(t, listeners)
}

func TestTheManagerIsTold(t *testing.T) {
	for name, address := range map[string]string{
		"a path": filepath.Join(t.TempDir(), "notify"), "an abstract address": "@userorder-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
			require.NoError(t, err)
			defer func() { _ = manager.Close() }()
			m := systemd.ReadManager(lookup(map[string]string{"NOTIFY_SOCKET": address}))
			hears := func(want string) {
				require.NoError(t, manager.SetReadDeadline(time.Now().Add(5*time.Second)))
				text := make([]byte, 100)
				n, err := manager.Read(text)
				require.NoError(t, err)
				require.Equal(t, want, string(text[:n]))
			}
			require.NoError(t, m.Ready("serving"))
			hears("READY=1\nSTATUS=serving")
			require.NoError(t, m.Alive())
			hears("WATCHDOG=1")
			require.NoError(t, m.Stopping())
			hears("STOPPING=1")
			require.NoError(t, manager.Close())
			require.ErrorContains(t, m.Alive(), "notify the service manager: ")
		})
	}
}

func TestWhatIsMeantForAnotherProcessDoesNotCount(t *testing.T) {
	own, other := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())
	for name, test := range map[string]struct {
		environment map[string]string
		watchdog    time.Duration
	}{
		"for this process":        {map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": own}, 30 * time.Second},
		"for whoever reads it":    {map[string]string{"WATCHDOG_USEC": "1500000"}, 1500 * time.Millisecond},
		"for the parent":          {map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": other}, 0},
		"a number that is none":   {map[string]string{"WATCHDOG_USEC": "soon"}, 0},
		"sockets of the parent":   {map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": other}, 0},
		"sockets of nobody":       {map[string]string{"LISTEN_FDS": "1"}, 0},
		"a negative count":        {map[string]string{"LISTEN_FDS": "-1", "LISTEN_PID": own}, 0},
		"no sockets, but a count": {map[string]string{"LISTEN_FDS": "0", "LISTEN_PID": own}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := systemd.ReadManager(lookup(test.environment))
			require.Equal(t, test.watchdog, m.Watchdog())
			listeners, err := m.Listeners()
			require.NoError(t, err)
			require.Empty(t, listeners)
		})
	}
}

// TestSocketsArePassedOn runs itself in a process that gets two sockets.
func TestSocketsArePassedOn(t *testing.T) {
	if os.Getenv("LISTEN_FDS") != "" {
		listeners, err := systemd.ReadManager(os.Getenv).Listeners()
		if os.Getenv("WANT_ERROR") != "" {
			require.ErrorContains(t, err, `socket 1 of the service manager, "file": `)
			return
		}
		require.NoError(t, err)
		require.Len(t, listeners, 2)
		require.Equal(t, "service", listeners[0].Name)
		require.Equal(t, "http", listeners[1].Name)
		for _, l := range listeners {
			conn, err := l.Accept()
			require.NoError(t, err)
			_, err = conn.Write([]byte(l.Name))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
		return
	}
	child := func(names string, files ...*os.File) *exec.Cmd {
		command := exec.CommandContext(t.Context(), "sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestSocketsArePassedOn$'`, os.Args[0])
		command.Env = append(os.Environ(), "LISTEN_FDS="+strconv.Itoa(len(files)), "LISTEN_FDNAMES="+names)
		command.ExtraFiles = files
		return command
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = tcp.Close() }()
	path := filepath.Join(t.TempDir(), "socket")
	unix, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { _ = unix.Close() }()
	tcpFile, err := tcp.(*net.TCPListener).File()
	require.NoError(t, err)
	unixFile, err := unix.(*net.UnixListener).File()
	require.NoError(t, err)

	command := child("service:http", tcpFile, unixFile)
	ended := make(chan error, 1)
	go func() {
		out, err := command.CombinedOutput()
		t.Log(string(out))
		ended <- err
	}()
	for i, listener := range []net.Listener{tcp, unix} { // in the order in which the child accepts
		conn, err := net.DialTimeout(listener.Addr().Network(), listener.Addr().String(), 5*time.Second)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		text := make([]byte, 7)
		n, err := conn.Read(text)
		require.NoError(t, err)
		require.Equal(t, []string{"service", "http"}[i], string(text[:n]))
		require.NoError(t, conn.Close())
	}
	require.NoError(t, <-ended)
	require.FileExists(t, path, "it belongs to the manager")

	regular, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	command = child("file", regular)
	command.Env = append(command.Env, "WANT_ERROR=1")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
}
