package work

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Join registers the users at a service without users, so that their ids are 1 to Users, and logs them in. It returns their
// tokens.
func Join(ctx context.Context, address string) (Tokens, error) {
	client := &fasthttp.HostClient{Addr: address, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	tokens := make(Tokens, 0, Users)
	for user := 1; user <= Users; user++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		registered, err := enter(client, "/user/register", account(username(user)))
		if err != nil {
			return nil, err
		}
		if registered.UserID != strconv.Itoa(user) {
			return nil, fmt.Errorf("user %d has the id %s: the service had users before", user, registered.UserID)
		}
		in, err := enter(client, "/user/login", credentials(username(user)))
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, in.Token)
	}
	return tokens, nil
}

// Begin begins a session of each of count users, and returns their refresh tokens.
func Begin(ctx context.Context, address string, count int) (refresh []string, err error) {
	client := &fasthttp.HostClient{Addr: address, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for user := 1; user <= count; user++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, err := enter(client, "/user/login", credentials(username(user)))
		if err != nil {
			return nil, err
		}
		refresh = append(refresh, in.RefreshToken)
	}
	return refresh, nil
}

type entered struct {
	UserID, Token string
	RefreshToken  string `json:"refresh_token"`
}

func enter(client *fasthttp.HostClient, path, body string) (entered, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetHost(client.Addr)
	post(request, path, "", body)
	if err := client.Do(request, response); err != nil {
		return entered{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := succeeded(response); err != nil {
		return entered{}, fmt.Errorf("%s: %w", path, err)
	}
	var answer struct{ Data entered }
	if err := json.Unmarshal(response.Body(), &answer); err != nil {
		return entered{}, fmt.Errorf("%s: %w", path, err)
	}
	return answer.Data, nil
}
