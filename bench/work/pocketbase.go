package work

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

// PocketBase sends a PocketBase the requests that correspond to those of the service. Tokens are those of the Users and of
// the owners of the other orders, of which there are as many as Owners says.
type PocketBase struct {
	Tokens Tokens
	Orders int // seeded
}

const pocketOrders = "/api/collections/orders/records"

// pocketID returns the id of a seeded user or order.
func pocketID(number int) string { return fmt.Sprintf("%015d", number) }

// Query returns scripts like those of the function Query.
func (p *PocketBase) Query(client int) load.Script {
	return &pocketQuery{p: p, dice: dice(client)}
}

type pocketQuery struct {
	p    *PocketBase
	dice *rand.Rand
	want string
}

func (s *pocketQuery) Next(r *fasthttp.Request) bool {
	order := Third * (1 + s.dice.IntN(s.p.Orders/Third))
	id := pocketID(order)
	s.want = `"id":"` + id + `"`
	ask(r, fasthttp.MethodGet, pocketOrders+"/"+id, s.p.Tokens.Of(Owner(order)))
	return true
}

func (s *pocketQuery) Check(r *fasthttp.Response) error { return contains(r, s.want, 1) }

// Create returns scripts like those of the function Create.
func (p *PocketBase) Create(client int) load.Script {
	return &pocketCreate{p: p, user: client % Users}
}

type pocketCreate struct {
	p     *PocketBase
	user  int
	owner string
}

func (s *pocketCreate) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	s.owner = `"user":"` + pocketID(s.user) + `"`
	post(r, pocketOrders, s.p.Tokens.Of(s.user), `{`+s.owner+`,"product":"product1","price":100.0,"status":"created"}`)
	return true
}

func (s *pocketCreate) Check(r *fasthttp.Response) error {
	if err := contains(r, s.owner, 1); err != nil {
		return err
	}
	if len(idOf(r.Body())) == 0 {
		return fmt.Errorf("response has no id: %s", r.Body())
	}
	return nil
}

// List returns scripts like those of the function List.
func (p *PocketBase) List(client int) load.Script {
	return &pocketList{p: p, dice: dice(client)}
}

type pocketList struct {
	p    *PocketBase
	dice *rand.Rand
	want string
}

func (s *pocketList) Next(r *fasthttp.Request) bool {
	user := Users + 1 + s.dice.IntN(Owners(s.p.Orders))
	s.want = `"user":"` + pocketID(user) + `"`
	// Its documentation suggests skipTotal where nobody needs the total.
	ask(r, fasthttp.MethodGet, pocketOrders+"?perPage="+strconv.Itoa(page)+"&sort=-created&skipTotal=1", s.p.Tokens.Of(user))
	return true
}

func (s *pocketList) Check(r *fasthttp.Response) error { return contains(r, s.want, page) }

// Login returns scripts like those of the function Login.
func (p *PocketBase) Login(client int) load.Script { return &pocketLogin{user: client % Users} }

type pocketLogin struct{ user int }

func (s *pocketLogin) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	post(r, "/api/collections/users/auth-with-password", "",
		fmt.Sprintf(`{"identity":"%s@example.com","password":%q}`, username(s.user), password))
	return true
}

func (s *pocketLogin) Check(r *fasthttp.Response) error {
	if err := contains(r, `"id":"`+pocketID(s.user)+`"`, 1); err != nil {
		return err
	}
	return contains(r, `"token":"`, 1)
}

// contains returns an error unless a response has the status 200 and contains text a number of times.
func contains(r *fasthttp.Response, text string, times int) error {
	if r.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("response %d %.300s", r.StatusCode(), r.Body())
	}
	if count := bytes.Count(r.Body(), []byte(text)); count != times {
		return fmt.Errorf("response has %s %d times instead of %d: %s", text, count, times, r.Body())
	}
	return nil
}
