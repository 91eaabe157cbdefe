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

// Info asks for the account of the client's user.
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

// Query asks for orders that were there from the start, any of orders, each with its owner's token. A constant has
// another id than the one that was asked for, and is told so.
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
	order := 1 + s.dice.IntN(s.orders)
	s.asked = strconv.AppendInt(s.asked[:0], int64(order), 10)
	ask(r, fasthttp.MethodGet, "/order/query/"+string(s.asked), s.tokens.Of(Owner(order)))
	return true
}

func (s *query) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if !s.constant && !bytes.Equal(idOf(r.Body()), s.asked) {
		return fmt.Errorf("answered with another order: %s", r.Body())
	}
	return nil
}

// Create makes orders, which it adds to made.
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
	post(r, "/order/create", s.tokens.Of(s.user), `{"userid":"`+strconv.Itoa(s.user)+`","product":"product1","price":100.0}`)
	return true
}

func (s *create) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	id := string(idOf(r.Body()))
	if id == "" {
		return fmt.Errorf("answered without an id: %s", r.Body())
	}
	s.made.add(Order{ID: id, User: s.user})
	return nil
}

// Cancel cancels what was made, until nothing is left of it.
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
		ask(r, fasthttp.MethodDelete, "/order/cancel/"+order.ID, s.tokens.Of(order.User))
	}
	return ok
}

func (*cancel) Check(r *fasthttp.Response) error { return succeeded(r) }

// Login logs users in.
func Login() func(client int) load.Script {
	return func(client int) load.Script { return &login{user: client % Users} }
}

type login struct{ user int }

func (s *login) Next(r *fasthttp.Request) bool {
	s.user = 1 + s.user%Users
	post(r, "/user/login", "", Credentials(Name(s.user)))
	return true
}

func (*login) Check(r *fasthttp.Response) error { return succeeded(r) }

// Register registers users of names that were not there. All clients count on from one number.
func Register(registered *atomic.Int64) func(client int) load.Script {
	return func(int) load.Script { return &register{registered} }
}

type register struct{ registered *atomic.Int64 }

func (s *register) Next(r *fasthttp.Request) bool {
	post(r, "/user/register", "", Account("new"+strconv.FormatInt(s.registered.Add(1), 10)))
	return true
}

func (*register) Check(r *fasthttp.Response) error { return succeeded(r) }

// Mix is 80 % queries, 15 % orders that are made and 5 % that are cancelled, by chance. Those that are cancelled the same
// client has made; if there are none it makes one.
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
