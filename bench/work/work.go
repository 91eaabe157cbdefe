// Package work is what clients ask of a service, and how they know that they were answered right.
package work

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/valyala/fasthttp"
)

// Users is how many accounts there are. An order that was there from the start belongs to the user Owner says.
const Users = 100

// Owner is whose the order is that was seeded under an id.
func Owner(order int) (user int) { return 1 + order%Users }

// Tokens are what the users have logged in for; the first is user 1's.
type Tokens []string

// Of returns a user's token.
func (t Tokens) Of(user int) string { return t[user-1] }

// Name is the name of a user.
func Name(user int) string { return "user" + strconv.Itoa(user) }

// Account is the body that registers a user.
func Account(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q,"email":"%s@example.com"}`, name, Password, name)
}

// Credentials is the body that logs a user in.
func Credentials(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, name, Password)
}

// Password is every user's.
const Password = "a password"

// Order is an order that somebody made.
type Order struct {
	ID   string
	User int
}

// Made is the orders that clients have made and not cancelled. Clients share it.
type Made struct {
	mu     sync.Mutex
	orders []Order
}

func (m *Made) add(o Order) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = append(m.orders, o)
}

// Forget forgets all, because the service did.
func (m *Made) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = nil
}

func (m *Made) take() (o Order, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.orders) == 0 {
		return Order{}, false
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

var success, idField = []byte(`{"code":0,`), []byte(`"id":"`)

// succeeded says what is wrong with an answer that is not a success.
func succeeded(r *fasthttp.Response) error {
	if r.StatusCode() != fasthttp.StatusOK || !bytes.HasPrefix(r.Body(), success) {
		return fmt.Errorf("answered %d %.300s", r.StatusCode(), r.Body())
	}
	return nil
}

// idOf returns the id of the order in an answer, or "".
func idOf(body []byte) []byte {
	_, rest, _ := bytes.Cut(body, idField)
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return id
}

func dice(client int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(client))) } //nolint:gosec // client is not negative
