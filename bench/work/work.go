// Package work defines the requests that clients send and checks the responses.
package work

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/valyala/fasthttp"
)

// Users is the number of accounts.
const Users = 100

// Third divides the ids of the seeded orders that belong to the Users, so that queries ask for orders all over the table and
// need few tokens. The others belong to users without an account.
const Third = 3

// Owner returns the owner of a seeded order whose id is a multiple of Third.
func Owner(order int) (user int) { return 1 + order%Users }

// Owners returns how many users without an account own the other seeded orders, in turn. Each owns 33 or more, which is
// enough for a list. It must not be a multiple of Third, or some would own none.
func Owners(orders int) int { return min(Many, orders/50) }

// Tokens holds a token for each user, beginning with user 1.
type Tokens []string

// Of returns the token of a user.
func (t Tokens) Of(user int) string { return t[user-1] }

func username(user int) string { return "user" + strconv.Itoa(user) }

// account returns the body that registers a user.
func account(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q,"email":"%s@example.com"}`, name, password, name)
}

// credentials returns the body that logs in a user.
func credentials(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, name, password)
}

// password is the password of every user.
const password = "a password"

// madeOrder is an order that a client has created.
type madeOrder struct {
	id   string
	user int
}

// Made holds the orders that clients have created and not cancelled. It is safe for concurrent use.
type Made struct {
	mu     sync.Mutex
	orders []madeOrder
}

func (m *Made) add(o madeOrder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = append(m.orders, o)
}

// Forget removes all orders, for when the server restarts without them.
func (m *Made) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = nil
}

// Len returns the number of orders.
func (m *Made) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.orders)
}

func (m *Made) take() (o madeOrder, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.orders) == 0 {
		return madeOrder{}, false
	}
	last := len(m.orders) - 1
	o, m.orders = m.orders[last], m.orders[:last]
	return o, true
}

func ask(r *fasthttp.Request, method, path, token string) {
	r.Header.SetMethod(method)
	r.SetRequestURI(path)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

func post(r *fasthttp.Request, path, token, body string) {
	ask(r, fasthttp.MethodPost, path, token)
	r.Header.SetContentType("application/json")
	r.SetBodyString(body)
}

// newOrder returns the body that creates an order.
func newOrder(user string) string {
	return `{"userid":"` + user + `","product":"product1","price":100.0}`
}

var success, idField = []byte(`{"code":0,`), []byte(`"id":"`)

// succeeded returns an error unless the response is a success.
func succeeded(r *fasthttp.Response) error {
	if r.StatusCode() != fasthttp.StatusOK || !bytes.HasPrefix(r.Body(), success) {
		return fmt.Errorf("response %d %.300s", r.StatusCode(), r.Body())
	}
	return nil
}

// idOf returns the id of the order in a response body, or nothing.
func idOf(body []byte) []byte {
	_, rest, _ := bytes.Cut(body, idField)
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return id
}

func dice(client int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(client))) } //nolint:gosec // client is not negative
