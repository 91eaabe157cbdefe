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
	host, port, _ := net.SplitHostPort(cfg.Address)
	_, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case unknown:
		return nil, fmt.Errorf("%w:\nHOST is %q, a name that has no address: %w", settings.ErrInvalid, host, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w:\nHOST is %q, which is not an address of this machine", settings.ErrInvalid, host)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is taken: stop the other program, or set PORT to another port%s: %w", port, airPlay(port), err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("port %s is not for this user: set PORT to one from 1024: %w", port, err)
	}
	return nil, err
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
	_, err := netip.ParseAddr(host)
	switch inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); {
	case err == nil:
		return host, nil
	case inner != host:
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
