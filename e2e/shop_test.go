//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// placed is an order as lists and the feed show it.
type placed struct {
	ID, UserID, Product, Status string
	Version                     int
	Price                       json.Number
	Metadata                    map[string]string
	CreatedAt                   string `json:"created_at"`
	UpdatedAt                   string `json:"updated_at"`
}

// orderEvent is an event of a history or of the feed.
type orderEvent struct {
	ID, Type, At, By, UserID, Note string
	Order                          placed // in the feed alone
}

// steps lists what may follow an event in a history.
var steps = map[string][]string{
	"order.created": {"order.paid", "order.cancelled"},
	"order.paid":    {"order.shipped", "order.cancelled"},
	"order.shipped": {"order.completed"},
}

// dataOf returns the data of a success.
func dataOf[T any](answer reply) (data T, err error) {
	envelope := struct{ Data *T }{&data}
	if !answer.ok() {
		return data, fmt.Errorf("%d %s", answer.status, answer.body)
	}
	return data, json.Unmarshal([]byte(answer.body), &envelope)
}

// enroll registers a user and returns a token.
func enroll(t *testing.T, base, name string) (token string) {
	t.Helper()
	user := registration(name, name+"@example.com")
	require.Equal(t, 200, send("POST", base+"/user/register", "", user).status)
	answer := send("POST", base+"/user/login", "", user)
	require.True(t, answer.ok(), answer.body)
	return answer.Data.Token
}

// clerk registers a user, makes an operator's command grant staff to it beside the service, and returns a token.
func clerk(t *testing.T, base, url string) (token string) {
	t.Helper()
	enroll(t, base, "clerk")
	status, _, stderr := command(t, t.TempDir(), "", []string{"grant", "clerk"}, "DATABASE_URL="+url)
	require.Equal(t, 0, status, stderr)
	return enroll(t, base, "clerk")
}

// moveOn asks for another status of an order.
func moveOn(base, token, id, status string, headers ...[2]string) reply {
	return sendWith(http.DefaultClient, headers, "POST", base+"/order/status/"+id, token, fmt.Sprintf(`{"status":%q}`, status))
}

// listed returns the orders of a list, which it pages to its end. A query begins with &.
func listed(t *testing.T, base, token, query string) (orders []placed) {
	t.Helper()
	return listedDownTo(t, base, token, query, 0)
}

// listedDownTo is listed for the orders with an id greater than last.
func listedDownTo(t *testing.T, base, token, query string, last int) (orders []placed) {
	t.Helper()
	for after := ""; ; {
		page, err := dataOf[struct {
			Orders []placed
			Next   string
		}](send("GET", base+"/order/list?limit=100"+query+after, token, ""))
		require.NoError(t, err)
		for _, o := range page.Orders {
			id, err := strconv.Atoi(o.ID)
			require.NoError(t, err)
			if id <= last {
				return orders
			}
			orders = append(orders, o)
		}
		if page.Next == "" {
			return orders
		}
		after = "&after=" + page.Next
	}
}

func historyOf(t *testing.T, base, token, id string) []orderEvent {
	t.Helper()
	history, err := dataOf[struct{ Events []orderEvent }](send("GET", base+"/order/history/"+id, token, ""))
	require.NoError(t, err)
	return history.Events
}

// requireAgreement requires that the status, the version and the time of an order are those of its last event, and that its
// history is a possible one, which it returns.
func requireAgreement(t *testing.T, base, token string, o placed) (events []orderEvent) {
	t.Helper()
	events = historyOf(t, base, token, o.ID)
	require.Len(t, events, o.Version, "order %v has the history %v", o, events)
	require.Equal(t, "order.created", events[0].Type)
	require.Equal(t, o.CreatedAt, events[0].At)
	for n, e := range events[1:] {
		require.Contains(t, steps[events[n].Type], e.Type, "order %s has the history %v", o.ID, events)
	}
	last := events[len(events)-1]
	require.Equal(t, []string{"order." + o.Status, o.UpdatedAt}, []string{last.Type, last.At})
	return events
}

// follower reads the feed.
type follower struct {
	token, next string
	events      []orderEvent
}

// poll reads one page on, and returns the number of its events.
func (f *follower) poll(base string) (count int, err error) {
	if f.next == "" {
		f.next = "0"
	}
	page, err := dataOf[struct {
		Events []orderEvent
		Next   string
	}](send("GET", base+"/order/events?limit=100&after="+f.next, f.token, ""))
	if err != nil {
		return 0, err
	}
	if count = len(page.Events); count > 0 && page.Events[count-1].ID != page.Next || count == 0 && page.Next != f.next {
		return 0, fmt.Errorf("%d events after %s, and next is %s", count, f.next, page.Next)
	}
	f.next, f.events = page.Next, append(f.events, page.Events...)
	return count, nil
}

// catchUp reads to the end of the feed.
func (f *follower) catchUp(t *testing.T, base string) {
	t.Helper()
	for count := 1; count > 0; {
		var err error
		count, err = f.poll(base)
		require.NoError(t, err)
	}
}

// requireInOrder requires that no event was seen twice and that each order's events came in the order of their versions,
// from the first on, with the order as it was then.
func (f *follower) requireInOrder(t *testing.T) {
	t.Helper()
	seen, versions := map[string]bool{}, map[string]int{}
	for _, e := range f.events {
		require.False(t, seen[e.ID], "event %s came twice", e.ID)
		seen[e.ID] = true
		versions[e.Order.ID]++
		require.Equal(t, versions[e.Order.ID], e.Order.Version, "event %v", e)
		require.Equal(t, []string{"order." + e.Order.Status, e.At}, []string{e.Type, e.Order.UpdatedAt})
	}
}

// requireEvents requires that the feed and the histories tell the same of all orders, and returns these and the feed.
func requireEvents(t *testing.T, base, token string) (orders []placed, feed []orderEvent) {
	t.Helper()
	orders = listed(t, base, token, "&userid=all")
	all := follower{token: token}
	all.catchUp(t, base)
	all.requireInOrder(t)
	fed := map[string][]orderEvent{}
	for _, e := range all.events {
		id, last := e.Order.ID, e.Order
		e.Order = placed{}
		fed[id] = append(fed[id], e)
		if strings.HasSuffix(e.Type, ".created") {
			require.Equal(t, last.CreatedAt, e.At)
		}
	}
	require.Len(t, fed, len(orders), "orders in the feed and in the list")
	for _, o := range orders {
		require.Equal(t, fed[o.ID], requireAgreement(t, base, token, o), "order %s", o.ID)
	}
	return orders, all.events
}
