package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Ports hands out ports without a listener. They are below 32768, where the ephemeral ports of Linux begin, so that no
// outgoing connection takes the port of a server that starts later.
type Ports struct {
	next atomic.Int32
}

const firstPort, lastPort = 20000, 32767

// Free returns a port that it has not returned before, or an error if there is none left.
func (p *Ports) Free(ctx context.Context) (int, error) {
	var network net.ListenConfig
	for {
		port := firstPort + int(p.next.Add(1)) - 1
		if port > lastPort {
			return 0, errors.New("no port is free")
		}
		listener, err := network.Listen(ctx, "tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			return port, listener.Close()
		}
	}
}

// Healthy waits up to 30 seconds until GET /healthz on address returns 200.
func (p *Process) Healthy(ctx context.Context, address string) error {
	return p.Responds(ctx, address, "/healthz")
}

// Responds waits up to 30 seconds until a GET of path on address returns 200.
func (p *Process) Responds(ctx context.Context, address, path string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	const limit, pause = 30 * time.Second, 500 * time.Microsecond
	return p.Wait(ctx, limit, pause, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = errors.New(response.Status)
		}
		return errors.Join(err, response.Body.Close())
	})
}
