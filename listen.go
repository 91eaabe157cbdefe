package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"userorder/settings"
)

// listeners are where clients come in.
type listeners struct {
	service net.Listener
	plain   net.Listener // HTTP beside HTTPS; nil if it is off
}

// listen opens the listeners, unless the service manager has. Its error wraps settings.ErrInvalid if HOST cannot be right.
func listen(ctx context.Context, cfg Listen) (l listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	held, err := cfg.Manager.Listeners()
	if err != nil {
		return l, err
	}
	for _, socket := range held {
		place := &l.service
		if socket.Name == plainSocket && cfg.TLS.On() {
			place = &l.plain
		}
		if *place != nil {
			return l, fmt.Errorf("%w:\nthe service manager passes on %d sockets: one is for the service, and with HTTPS one more for HTTP, with FileDescriptorName=%s",
				settings.ErrInvalid, len(held), plainSocket)
		}
		if err := checkMode(socket.Addr()); err != nil {
			return l, err
		}
		*place = socket
	}
	if l.service == nil {
		if l.service, err = listenOn(ctx, cfg.Address, "PORT"); err != nil {
			return l, err
		}
	}
	if l.plain == nil && cfg.HTTP != "" {
		l.plain, err = listenOn(ctx, cfg.HTTP, "HTTP_PORT")
	}
	return l, err
}

// checkMode refuses a Unix socket that anybody may open: whoever opens it is believed to be a proxy.
func checkMode(address net.Addr) error {
	if address.Network() != "unix" {
		return nil
	}
	info, err := os.Stat(address.String())
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%w:\nthe service manager passes on the socket %s, which anybody may open: set SocketMode=0660 and SocketGroup= in its unit",
			settings.ErrInvalid, address)
	}
	return err
}

// plainSocket is the name of a socket of the service manager for HTTP beside HTTPS.
const plainSocket = "http"

func (l listeners) close() {
	for _, listener := range []net.Listener{l.service, l.plain} {
		if listener != nil {
			_ = listener.Close()
		}
	}
}

// listenOn listens on host:port or unix:PATH. PortName is the setting that the port comes from.
func listenOn(ctx context.Context, address, portName string) (net.Listener, error) {
	if path, ok := unixPath(address); ok {
		return listenUnix(ctx, path)
	}
	var network net.ListenConfig
	network.SetMultipathTCP(false) // whose sockets httpapi.Serve cannot stop gracefully
	listener, err := network.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, explainListen(err, address, "HOST", portName)
	}
	return listener, nil
}

// listenUnix listens on a Unix socket that the owner and the group of the process may open. It takes the place of one that
// a killed process has left behind.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("HOST is a Unix socket that cannot be made: %w", err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // httpapi.Serve removes it earlier, and a successor's may be there by then
	if err := os.Chmod(path, 0o660); err != nil {        //nolint:gosec // for the proxy
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// removeStale removes a socket on which nobody listens.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil //nolint:nilerr // to listen will tell
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w:\nHOST is %s%s, where something else is than a socket", settings.ErrInvalid, unixPrefix, path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("the socket %s is taken: stop the other program, or set HOST to another path", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return nil
}

// explainListen puts the setting to change before an error of listening on address. hostName and portName say which
// settings its host and its port come from. The error wraps settings.ErrInvalid if the host cannot be right.
func explainListen(err error, address, hostName, portName string) error {
	host, port, _ := net.SplitHostPort(address)
	_, unknown := errors.AsType[*net.DNSError](err)
	_, unusable := errors.AsType[*net.AddrError](err)
	switch {
	case unknown:
		return fmt.Errorf("%w:\n%s is %q, a name that has no address: %w", settings.ErrInvalid, hostName, host, err)
	case unusable, errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("%w:\n%s is %q, which is not an address of this machine", settings.ErrInvalid, hostName, host)
	case errors.Is(err, syscall.EINVAL): // a link-local address without a zone, or with one that is no interface
		return fmt.Errorf("%w:\n%s is %q, which needs the name of a network interface of this machine, like fe80::1%%eth0",
			settings.ErrInvalid, hostName, host)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is taken: stop the other program, or set %s to another port%s: %w", port, portName, airPlay(port), err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("port %s is not for this user: set %s to one from 1024, or give the program the right to lower ones (CAP_NET_BIND_SERVICE): %w", port, portName, err)
	}
	return err
}

// airPlay names the usual suspect.
func airPlay(port string) string {
	if runtime.GOOS == "darwin" && port == "5000" {
		return " (on macOS it may be AirPlay Receiver, in System Settings, General, AirDrop & Handoff)"
	}
	return ""
}
