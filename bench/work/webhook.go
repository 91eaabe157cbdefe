package work

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// Waiting waits up to 10 seconds until a number of events or more wait for the only webhook of the service on address.
func Waiting(ctx context.Context, address, staff string, events int) error {
	const limit, pause = 10 * time.Second, 50 * time.Millisecond
	client := &fasthttp.HostClient{Addr: address, ReadTimeout: limit, WriteTimeout: limit}
	defer client.CloseIdleConnections()
	for began := time.Now(); ; {
		count, err := waiting(client, staff)
		switch {
		case err != nil:
			return err
		case count >= events:
			return nil
		case time.Since(began) > limit:
			return fmt.Errorf("%d events wait instead of %d", count, events)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func waiting(client *fasthttp.HostClient, staff string) (int, error) {
	const path = "/order/webhooks"
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetHost(client.Addr)
	ask(request, fasthttp.MethodGet, path, staff)
	if err := client.Do(request, response); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := succeeded(response); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	var answer struct {
		Data struct{ Webhooks []struct{ Waiting int } }
	}
	if err := json.Unmarshal(response.Body(), &answer); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if count := len(answer.Data.Webhooks); count != 1 {
		return 0, fmt.Errorf("%s: %d webhooks instead of one", path, count)
	}
	return answer.Data.Webhooks[0].Waiting, nil
}
