package httpapi

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAListenerThatStopsConnectingStillAcceptsWhatIsConnected(t *testing.T) {
	var network net.ListenConfig
	network.SetMultipathTCP(false)
	listener, err := network.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	before, err := net.Dial("tcp", address)
	require.NoError(t, err)
	require.NoError(t, stopConnecting(Bound(listener, Bounds{Total: 2})))
	_, err = net.DialTimeout("tcp", address, 100*time.Millisecond)
	failed, ok := errors.AsType[net.Error](err)
	require.True(t, ok && failed.Timeout(), "it connects, or is refused: %v", err)
	conn, err := listener.Accept()
	require.NoError(t, err)
	_, err = before.Write([]byte("text"))
	require.NoError(t, err)
	text := make([]byte, 4)
	_, err = conn.Read(text)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
	require.NoError(t, listener.Close())
}
