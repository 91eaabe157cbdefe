package work

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

// Move returns scripts with which staff creates an order, and marks it as paid, shipped and completed, over and over. A
// request in four is a create.
func Move(staff string) func(client int) load.Script {
	return func(int) load.Script { return &move{staff: staff} }
}

type move struct {
	staff string
	id    string
	done  int // of moves
}

var moves = [...]string{"paid", "shipped", "completed"}

func (s *move) Next(r *fasthttp.Request) bool {
	if s.id == "" {
		post(r, "/order/create", s.staff, newOrder("1"))
		return true
	}
	post(r, "/order/status/"+s.id, s.staff, `{"status":"`+moves[s.done]+`"}`)
	return true
}

func (s *move) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if s.id == "" {
		s.id = string(idOf(r.Body()))
		return nil
	}
	if want := `"status":"` + moves[s.done] + `"`; !bytes.Contains(r.Body(), []byte(want)) {
		return fmt.Errorf("response is not %s: %s", moves[s.done], r.Body())
	}
	if s.done++; s.done == len(moves) {
		s.id, s.done = "", 0
	}
	return nil
}

// History returns scripts with which staff asks for the histories of random seeded orders.
func History(staff string, orders int) func(client int) load.Script {
	return func(client int) load.Script { return &history{staff: staff, orders: orders, dice: dice(client)} }
}

type history struct {
	staff  string
	orders int
	dice   *rand.Rand
}

func (s *history) Next(r *fasthttp.Request) bool {
	ask(r, fasthttp.MethodGet, "/order/history/"+strconv.Itoa(1+s.dice.IntN(s.orders)), s.staff)
	return true
}

func (*history) Check(r *fasthttp.Response) error { return events(r, 1) }

// Feed returns scripts with which staff reads 20 events from random positions among those of seeded orders.
func Feed(staff string, orders int) func(client int) load.Script {
	return func(client int) load.Script { return &feed{history{staff: staff, orders: orders, dice: dice(client)}} }
}

type feed struct{ history }

func (s *feed) Next(r *fasthttp.Request) bool {
	ask(r, fasthttp.MethodGet, "/order/events?after="+strconv.Itoa(s.dice.IntN(s.orders-page)), s.staff)
	return true
}

func (*feed) Check(r *fasthttp.Response) error { return events(r, page) }

var createdEvent = []byte(`"type":"order.created"`)

// events returns an error unless the response has a number of events of creation.
func events(r *fasthttp.Response, want int) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if count := bytes.Count(r.Body(), createdEvent); count != want {
		return fmt.Errorf("response has %d events instead of %d: %s", count, want, r.Body())
	}
	return nil
}
