// Package systemd speaks with the service manager that has started the process, if that is systemd or speaks like it.
// Without one, everything in it does nothing.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Manager is the service manager, as it has described itself in the environment. The zero Manager is none.
type Manager struct {
	notify   string // path of a socket; @ begins an abstract one
	watchdog time.Duration
	names    []string // of the sockets that are passed on; "" for one without a name
}

// firstSocket is the file descriptor of the first socket that is passed on (sd_listen_fds(3)).
const firstSocket = 3

// ReadManager reads what a manager has put into the environment. What is addressed to another process, such as the shell
// that has started this one, does not count.
func ReadManager(lookup func(name string) string) Manager {
	own := func(name string) bool { return lookup(name) == strconv.Itoa(os.Getpid()) }
	m := Manager{notify: lookup("NOTIFY_SOCKET")}
	if microseconds, err := strconv.ParseInt(lookup("WATCHDOG_USEC"), 10, 64); err == nil && (lookup("WATCHDOG_PID") == "" || own("WATCHDOG_PID")) {
		m.watchdog = time.Duration(microseconds) * time.Microsecond
	}
	if count, err := strconv.Atoi(lookup("LISTEN_FDS")); err == nil && count > 0 && own("LISTEN_PID") {
		m.names = make([]string, count)
		copy(m.names, strings.Split(lookup("LISTEN_FDNAMES"), ":"))
	}
	return m
}

// Watchdog returns the time after which the manager restarts a process that has not sent Alive, or 0 if it does not.
func (m Manager) Watchdog() time.Duration { return m.watchdog }

// Ready tells the manager that the service can be used. Status is shown by systemctl status.
func (m Manager) Ready(status string) error { return m.send("READY=1\nSTATUS=" + status) }

// Stopping tells the manager that the service is about to end.
func (m Manager) Stopping() error { return m.send("STOPPING=1") }

// Alive tells the manager that the process is healthy.
func (m Manager) Alive() error { return m.send("WATCHDOG=1") }

// send sends a state (sd_notify(3)).
func (m Manager) send(state string) error {
	if m.notify == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	_, err = conn.Write([]byte(state))
	return errors.Join(err, conn.Close())
}

// Listener is a socket that the manager holds open: connections wait in it while the service restarts.
type Listener struct {
	Name string // FileDescriptorName of the socket's unit, or the unit's name
	net.Listener
}

// Listeners returns the sockets that the manager has passed on. It may be called once. It returns an error if one of
// them is not a stream socket that listens.
func (m Manager) Listeners() (listeners []Listener, err error) {
	for i, name := range m.names {
		file := os.NewFile(uintptr(firstSocket+i), name)
		listener, failure := net.FileListener(file) // which duplicates the descriptor
		if err = errors.Join(failure, file.Close()); err != nil {
			return nil, fmt.Errorf("socket %d of the service manager, %q: %w", i+1, name, err)
		}
		if socket, ok := listener.(*net.UnixListener); ok {
			socket.SetUnlinkOnClose(false) // its file belongs to the manager
		}
		listeners = append(listeners, Listener{name, listener})
	}
	return listeners, nil
}
