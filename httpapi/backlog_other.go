//go:build !linux

package httpapi

import "net"

// ignoreAttempts does nothing here: connections in the accept queue are reset when the listener is closed.
func ignoreAttempts(*net.TCPListener) error { return nil }
