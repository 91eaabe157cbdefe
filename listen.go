package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"

	"userorder/settings"
)

// listen listens on the address of cfg. Its error wraps settings.ErrInvalid if HOST cannot be right.
func listen(ctx context.Context, cfg Config) (net.Listener, error) {
	var network net.ListenConfig
	network.SetMultipathTCP(false) // whose sockets httpapi.Serve cannot stop gracefully
	listener, err := network.Listen(ctx, "tcp", cfg.Address)
	if err == nil {
		return listener, nil
	}
	return nil, explainListen(err, cfg.Address, "HOST", "PORT")
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
		return fmt.Errorf("port %s is not for this user: set %s to one from 1024: %w", port, portName, err)
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

// checkHost reports why HOST cannot be an address or a name to listen on.
func checkHost(host string) (string, error) {
	address, err := netip.ParseAddr(host)
	_, _, withPort := net.SplitHostPort(host)
	switch inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); {
	case err == nil && (address.IsMulticast() || host == "255.255.255.255"): // which the system would accept
		return "", errors.New("must be an address of this machine, not that of a group")
	case err == nil:
		return host, nil
	case inner != host && withPort != nil:
		return "", fmt.Errorf("must be written without brackets: %s", inner)
	case host == "*":
		return "", errors.New("must be an address: 0.0.0.0 or :: is all of this machine's")
	case strings.Contains(host, "://"), strings.Contains(host, "/"):
		return "", errors.New("must be an address or a name alone, like 127.0.0.1")
	case strings.Contains(host, ":"):
		return "", errors.New("must be an address without a port, which PORT is for")
	case strings.ContainsAny(host, " \t_%*[]@"):
		return "", errors.New("must be an address or the name of a host, like 127.0.0.1 or localhost")
	}
	return host, nil
}
