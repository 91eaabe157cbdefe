package work

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

// Info returns scripts that query the accounts of all users in turn.
func Info(tokens Tokens) func(client int) load.Script {
	return func(client int) load.Script {
		return &info{tokens: tokens, user: client % Users}
	}
}

type info struct {
	tokens Tokens
	user   int
}

func (s *info) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	ask(r, fasthttp.MethodGet, "/user/info", s.tokens.Of(s.user))
	return true
}

func (*info) Check(r *fasthttp.Response) error { return succeeded(r) }

// Query returns scripts that query random seeded orders of the Users, each with the token of its owner. If constant, the server sends
// the same order to every request, so the id in the response is not checked.
func Query(tokens Tokens, orders int, constant bool) func(client int) load.Script {
	return func(client int) load.Script {
		return &query{tokens: tokens, orders: orders, constant: constant, dice: dice(client)}
	}
}

type query struct {
	tokens   Tokens
	orders   int
	constant bool
	dice     *rand.Rand
	asked    []byte
}

func (s *query) Next(r *fasthttp.Request) bool {
	order := Third * (1 + s.dice.IntN(s.orders/Third))
	s.asked = strconv.AppendInt(s.asked[:0], int64(order), 10)
	ask(r, fasthttp.MethodGet, "/order/query/"+string(s.asked), s.tokens.Of(Owner(order)))
	return true
}

func (s *query) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if !s.constant && !bytes.Equal(idOf(r.Body()), s.asked) {
		return fmt.Errorf("response has another order: %s", r.Body())
	}
	return nil
}

// Create returns scripts that create orders and add them to made.
func Create(tokens Tokens, made *Made) func(client int) load.Script {
	return func(client int) load.Script {
		return &create{tokens: tokens, made: made, user: client % Users}
	}
}

type create struct {
	tokens Tokens
	made   *Made
	user   int
}

func (s *create) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	post(r, "/order/create", s.tokens.Of(s.user), newOrder(strconv.Itoa(s.user)))
	return true
}

func (s *create) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	id := string(idOf(r.Body()))
	if id == "" {
		return fmt.Errorf("response has no id: %s", r.Body())
	}
	s.made.add(madeOrder{id: id, user: s.user})
	return nil
}

// Cancel returns scripts that cancel the orders in made until none is left.
func Cancel(tokens Tokens, made *Made) func(client int) load.Script {
	return func(int) load.Script { return &cancel{tokens: tokens, made: made} }
}

type cancel struct {
	tokens Tokens
	made   *Made
}

func (s *cancel) Next(r *fasthttp.Request) bool {
	order, ok := s.made.take()
	if ok {
		ask(r, fasthttp.MethodDelete, "/order/cancel/"+order.id, s.tokens.Of(order.user))
	}
	return ok
}

func (*cancel) Check(r *fasthttp.Response) error { return succeeded(r) }

// Login returns scripts that log in all users in turn.
func Login() func(client int) load.Script {
	return func(client int) load.Script { return &login{user: client % Users} }
}

type login struct{ user int }

func (s *login) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	post(r, "/user/login", "", credentials(username(s.user)))
	return true
}

func (*login) Check(r *fasthttp.Response) error { return succeeded(r) }

// Refresh returns scripts that refresh a session each, over and over. Tokens are from Begin, one for each client; they are
// read at the first request, since they are begun anew every round.
func Refresh(tokens *[]string) func(client int) load.Script {
	return func(client int) load.Script { return &refresh{tokens: tokens, client: client} }
}

type refresh struct {
	tokens *[]string
	client int
	token  string
}

func (s *refresh) Next(r *fasthttp.Request) bool {
	if s.token == "" {
		s.token = (*s.tokens)[s.client]
	}
	post(r, "/user/refresh", "", `{"refresh_token":"`+s.token+`"}`)
	return true
}

var refreshField = []byte(`"refresh_token":"`)

func (s *refresh) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	_, rest, found := bytes.Cut(r.Body(), refreshField)
	token, _, closed := bytes.Cut(rest, []byte{'"'})
	if !found || !closed {
		return fmt.Errorf("response has no refresh token: %s", r.Body())
	}
	s.token = string(token)
	return nil
}

// Register returns scripts that register new users. The counter registered, which all clients share, numbers their names.
func Register(registered *atomic.Int64) func(client int) load.Script {
	return func(int) load.Script { return &register{registered} }
}

type register struct{ registered *atomic.Int64 }

func (s *register) Next(r *fasthttp.Request) bool {
	post(r, "/user/register", "", account("new"+strconv.FormatInt(s.registered.Add(1), 10)))
	return true
}

func (*register) Check(r *fasthttp.Response) error { return succeeded(r) }

// Mix returns scripts that send 80 % queries, 15 % creates and 5 % cancels at random. A client cancels only its own orders,
// and creates one instead if it has none.
func Mix(tokens Tokens, orders int, constant bool) func(client int) load.Script {
	return func(client int) load.Script {
		made := &Made{}
		return &mix{
			dice:   dice(client),
			query:  Query(tokens, orders, constant)(client),
			create: Create(tokens, made)(client),
			cancel: Cancel(tokens, made)(client),
		}
	}
}

type mix struct {
	dice                  *rand.Rand
	query, create, cancel load.Script
	last                  load.Script
}

func (s *mix) Next(r *fasthttp.Request) bool {
	switch n := s.dice.IntN(100); {
	case n < 80:
		s.last = s.query
	case n < 95:
		s.last = s.create
	default:
		s.last = s.cancel
	}
	if s.last.Next(r) {
		return true
	}
	s.last = s.create
	return s.last.Next(r)
}

func (s *mix) Check(r *fasthttp.Response) error { return s.last.Check(r) }
