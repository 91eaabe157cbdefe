// Userorder-client goes through the tutorial with a client that oapi-codegen has generated from the service's
// document, client.gen.go. It takes the address of the service.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := tutorial(ctx, os.Args[1]); err != nil {
		cancel()
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("oapi-codegen: register, login, info, create, query, cancel, refresh, logout and a failure went as promised")
}

// A float32 would make 1234567.9 of it.
const price = 1234567.89

func tutorial(ctx context.Context, base string) error {
	api, err := NewClientWithResponses(base)
	if err != nil {
		return err
	}
	name := fmt.Sprint("go", time.Now().UnixNano())

	registered, err := api.RegisterWithResponse(ctx, nil, Registration{Username: name, Password: "test123", Email: name + "@example.com"})
	if err != nil {
		return err
	}
	account, err := registered.JSON200.AsRegistered()
	if err := expect(err, "register", account.Code == RegisteredCodeN0 && account.Data.Userid != ""); err != nil {
		return err
	}

	wrong, err := api.LoginWithResponse(ctx, nil, Credentials{Username: name, Password: "another"})
	if err != nil {
		return err
	}
	failure, err := wrong.JSON200.AsFailure()
	if err := expect(err, "a wrong password", failure.Code == FailureCode1); err != nil {
		return err
	}
	right, err := api.LoginWithResponse(ctx, nil, Credentials{Username: name, Password: "test123"})
	if err != nil {
		return err
	}
	login, err := right.JSON200.AsLoggedIn()
	if err := expect(err, "login", login.Data.Userid == account.Data.Userid && login.Data.ExpiresIn > 0); err != nil {
		return err
	}
	withToken := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+login.Data.Token)
		return nil
	}

	told, err := api.InfoWithResponse(ctx, nil, withToken)
	if err != nil {
		return err
	}
	user, err := told.JSON200.AsUserFound()
	if err := expect(err, "info", user.Data.Username == name); err != nil {
		return err
	}
	if err := order(ctx, api, account.Data.Userid, withToken); err != nil {
		return err
	}
	return session(ctx, api, login.Data)
}

// session refreshes the tokens of a login and logs out.
func session(ctx context.Context, api *ClientWithResponses, login LoggedInData) error {
	refreshed, err := api.RefreshWithResponse(ctx, nil, Refresh{RefreshToken: login.RefreshToken})
	if err != nil {
		return err
	}
	fresh := refreshed.JSON200.Data
	if err := expect(nil, "refresh", fresh.Userid == login.Userid && fresh.RefreshToken != login.RefreshToken && fresh.RefreshExpiresIn > 0); err != nil {
		return err
	}
	withToken := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+fresh.Token)
		return nil
	}
	listed, err := api.SessionsWithResponse(ctx, nil, withToken)
	if err != nil {
		return err
	}
	sessions := listed.JSON200.Data.Sessions
	if err := expect(nil, "sessions", len(sessions) == 1 && sessions[0].Current && time.Since(sessions[0].CreatedAt).Abs() < time.Hour); err != nil {
		return err
	}
	page, err := api.ListUsersWithResponse(ctx, nil, withToken)
	if err != nil {
		return err
	}
	if err := expect(nil, "list users as a customer", page.JSON403 != nil && page.JSON403.Code == ErrorCodeN403); err != nil {
		return err
	}
	scope := LogoutThis
	done, err := api.LogoutWithResponse(ctx, nil, Logout{Scope: &scope}, withToken)
	if err != nil {
		return err
	}
	if err := expect(nil, "logout", done.JSON200.Data.Ended == 1); err != nil {
		return err
	}
	late, err := api.RefreshWithResponse(ctx, nil, Refresh{RefreshToken: fresh.RefreshToken})
	if err != nil {
		return err
	}
	return expect(nil, "refresh after the logout", late.JSON401 != nil && late.JSON401.Code == ErrorCodeN401)
}

// order creates an order, reads it and cancels it.
func order(ctx context.Context, api *ClientWithResponses, userID ID, withToken RequestEditorFn) error {
	created, err := api.CreateOrderWithResponse(ctx, nil, NewOrder{Product: "product1", Price: price}, withToken)
	if err != nil {
		return err
	}
	order := created.JSON200.Data
	if err := expect(nil, "create", order.Price == price && order.Status == Created && order.Userid == userID &&
		time.Since(order.CreatedAt).Abs() < time.Hour); err != nil {
		return err
	}
	var own NewOrderUserID
	if err := own.FromID(userID); err != nil {
		return err
	}
	created, err = api.CreateOrderWithResponse(ctx, nil, NewOrder{Userid: &own, Product: "product1", Price: 0.07}, withToken)
	if err != nil {
		return err
	}
	if err := expect(nil, "create with a userid", created.JSON200.Data.Price == 0.07); err != nil {
		return err
	}

	answer, err := api.QueryOrderWithResponse(ctx, order.Id, nil, withToken)
	if err != nil {
		return err
	}
	queried, err := answer.JSON200.AsOrderAnswer()
	if err := expect(err, "query", queried.Data == order); err != nil {
		return err
	}
	cancelled, err := api.CancelOrderWithResponse(ctx, order.Id, nil, withToken)
	if err != nil {
		return err
	}
	done, err := cancelled.JSON200.AsDone()
	if err := expect(err, "cancel", done.Code == DoneCodeN0); err != nil {
		return err
	}
	answer, err = api.QueryOrderWithResponse(ctx, order.Id, nil, withToken)
	if err != nil {
		return err
	}
	gone, err := answer.JSON200.AsFailure()
	if err := expect(err, "query a cancelled order", gone.Code == FailureCode1); err != nil {
		return err
	}

	bad, err := api.CreateOrderWithResponse(ctx, nil, NewOrder{Price: -1}, withToken)
	if err != nil {
		return err
	}
	invalid := bad.JSON400
	if err := expect(nil, "create with bad fields", invalid != nil && invalid.Code == InvalidCodeN400 && invalid.Data.Errors != nil &&
		len(*invalid.Data.Errors) == 2); err != nil {
		return err
	}
	stranger, err := api.QueryOrderWithResponse(ctx, order.Id, nil)
	if err != nil {
		return err
	}
	return expect(nil, "query without a token", stranger.JSON401 != nil && stranger.JSON401.Code == ErrorCodeN401)
}

// expect returns an error that names the step unless it went as it should.
func expect(err error, step string, ok bool) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", step, err)
	case !ok:
		return fmt.Errorf("%s: not what the document promises", step)
	}
	return nil
}
