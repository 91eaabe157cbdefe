package soak

import (
	"context"
	"io"
	"net/http"
	"time"
)

// controls is the class of the requests to a server that is not the service.
const controls = "control"

// compare asks a server that does nothing, until stop is closed, so that the picture shows how slow the machine itself was:
// others may use it, too.
func (r *Result) compare(ctx context.Context, address string, stop <-chan struct{}) {
	const pause = 100 * time.Millisecond
	client, _ := newClient()
	defer client.CloseIdleConnections()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		case due := <-tick.C:
			if ask(ctx, client, address) == nil {
				r.control.took(controls, controls, time.Since(due))
			}
		}
	}
}

func ask(ctx context.Context, client *http.Client, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.Body.Close()
}

// against returns the rule for response times on a machine that itself became slower during the run, as the control shows.
func (r Rule) against(control Series, length time.Duration) Rule {
	f := r.Judge(control, length)
	if f.Second > 0 {
		r.Factor *= max(1, f.Last/f.Second)
	}
	return r
}
