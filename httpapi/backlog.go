package httpapi

import (
	"net"
	"os"
)

// stopConnecting keeps further clients from connecting to listener, while connections that are established already, in the
// accept queue too, go on. Closing the listener would reset those, and with them requests that were sent. It leaves
// alone a socket that somebody else holds open, in which connections wait for the next process.
func stopConnecting(listener net.Listener) error {
	if bound, ok := listener.(*boundListener); ok {
		listener = bound.Listener
	}
	switch socket := listener.(type) {
	case *net.TCPListener:
		return ignoreAttempts(socket)
	case *net.UnixListener:
		return os.Remove(socket.Addr().String())
	}
	return nil
}
