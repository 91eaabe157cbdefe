// Userorder-client goes through the tutorial with a client that oapi-codegen has generated from the service's
// document, client.gen.go. It takes the address of the service and a token of staff.
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
	if err := tutorial(ctx, os.Args[1], os.Args[2]); err != nil {
		cancel()
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("oapi-codegen: register, login, info, create, query, cancel, list, move, refresh, logout and a failure went as promised")
}

// A float32 would make 1234567.9 of it.
const price = 1234567.89

func tutorial(ctx context.Context, base, staffToken string) error {
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
	withToken := bearer(login.Data.Token)

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
	if err := move(ctx, api, name, withToken, bearer(staffToken)); err != nil {
		return err
	}
	return session(ctx, api, login.Data)
}

func bearer(token string) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
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
	withToken := bearer(fresh.Token)
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

// move creates an order twice with one key, which staff pays, and lists it.
func move(ctx context.Context, api *ClientWithResponses, key string, owner, staff RequestEditorFn) error {
	metadata := Metadata{"size": "XL"}
	draft := NewOrder{Product: "product1", Price: price, Metadata: &metadata}
	first, err := api.CreateOrderWithResponse(ctx, &CreateOrderParams{IdempotencyKey: &key}, draft, owner)
	if err != nil {
		return err
	}
	again, err := api.CreateOrderWithResponse(ctx, &CreateOrderParams{IdempotencyKey: &key}, draft, owner)
	if err != nil {
		return err
	}
	order, header := first.JSON200.Data, again.HTTPResponse.Header
	if err := expect(nil, "create again", again.JSON200.Data.Id == order.Id && (*order.Metadata)["size"] == "XL" &&
		header.Get("Idempotent-Replayed") == "true"); err != nil {
		return err
	}
	draft.Price = 1
	other, err := api.CreateOrderWithResponse(ctx, &CreateOrderParams{IdempotencyKey: &key}, draft, owner)
	if err != nil {
		return err
	}
	if err := expect(nil, "create another with the key", other.JSON422 != nil && other.JSON422.Code == ErrorCodeN422); err != nil {
		return err
	}

	tag := header.Get("ETag")
	params, change := &SetOrderStatusParams{IfMatch: &tag}, StatusChange{Status: Paid}
	moved, err := api.SetOrderStatusWithResponse(ctx, order.Id, params, change, staff)
	if err != nil {
		return err
	}
	paid, err := moved.JSON200.AsOrderAnswer()
	if err := expect(err, "mark paid", paid.Data.Status == Paid && paid.Data.Version == order.Version+1); err != nil {
		return err
	}
	late, err := api.SetOrderStatusWithResponse(ctx, order.Id, params, change, staff)
	if err != nil {
		return err
	}
	if err := expect(nil, "mark paid with the old version", late.JSON412 != nil && late.JSON412.Code == ErrorCodeN412); err != nil {
		return err
	}
	moved, err = api.SetOrderStatusWithResponse(ctx, order.Id, nil, StatusChange{Status: Completed}, owner)
	if err != nil {
		return err
	}
	refused, err := moved.JSON200.AsOrderFailure()
	if err := expect(err, "complete before it is shipped", refused.Code == OrderFailureCode1 && refused.Data.Status != nil &&
		*refused.Data.Status == Paid && len(*refused.Data.Next) == 1 && (*refused.Data.Next)[0] == Cancelled); err != nil {
		return err
	}
	return read(ctx, api, order.Id, owner, staff)
}

// read reads the list, the history and the feed that have a paid order.
func read(ctx context.Context, api *ClientWithResponses, id ID, owner, staff RequestEditorFn) error {
	status := Paid
	listed, err := api.ListOrdersWithResponse(ctx, &ListOrdersParams{Status: &status}, owner)
	if err != nil {
		return err
	}
	page := listed.JSON200.Data
	if err := expect(nil, "list", len(page.Orders) == 1 && page.Orders[0].Id == id && page.Next == nil); err != nil {
		return err
	}
	answer, err := api.OrderHistoryWithResponse(ctx, id, nil, owner)
	if err != nil {
		return err
	}
	history, err := answer.JSON200.AsOrderHistoryFound()
	if err := expect(err, "history", len(history.Data.Events) == 2 && history.Data.Events[1].Type == "order.paid" &&
		history.Data.Events[1].By == ByStaff); err != nil {
		return err
	}
	limit := int32(1)
	feed, err := api.OrderEventsWithResponse(ctx, &OrderEventsParams{Limit: &limit}, staff)
	if err != nil {
		return err
	}
	events := feed.JSON200.Data
	if err := expect(nil, "events", len(events.Events) == 1 && events.Next == events.Events[0].Id && events.Events[0].Order.Status == Created); err != nil {
		return err
	}
	return webhooks(ctx, api, owner, staff)
}

// webhooks asks for the webhooks, of which the service has none.
func webhooks(ctx context.Context, api *ClientWithResponses, owner, staff RequestEditorFn) error {
	found, err := api.OrderWebhooksWithResponse(ctx, nil, staff)
	if err != nil {
		return err
	}
	if err := expect(nil, "webhooks", found.JSON200 != nil && found.JSON200.Data.Webhooks != nil && len(found.JSON200.Data.Webhooks) == 0); err != nil {
		return err
	}
	due, err := api.RetryOrderWebhooksWithResponse(ctx, nil, WebhookRetry{}, staff)
	if err != nil {
		return err
	}
	if err := expect(nil, "retry webhooks", due.JSON200 != nil && due.JSON200.Code == DoneCodeN0); err != nil {
		return err
	}
	refused, err := api.RetryOrderWebhooksWithResponse(ctx, nil, WebhookRetry{}, owner)
	if err != nil {
		return err
	}
	return expect(nil, "retry webhooks as a customer", refused.JSON403 != nil && refused.JSON403.Code == ErrorCodeN403)
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
