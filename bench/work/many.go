package work

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

// CreateByMany returns scripts that create orders of random users. If keyed, each request has a random Idempotency-Key.
func CreateByMany(bearers Bearers, keyed bool) func(client int) load.Script {
	return func(client int) load.Script { return &createByMany{bearers: bearers, keyed: keyed, dice: dice(client)} }
}

type createByMany struct {
	bearers Bearers
	keyed   bool
	dice    *rand.Rand
}

func (s *createByMany) Next(r *fasthttp.Request) bool {
	user, token := s.bearers.at(s.dice.IntN(len(s.bearers)))
	post(r, "/order/create", token, newOrder(user))
	if s.keyed { // not from dice, which begin anew every round: the service would know the keys
		r.Header.Set("Idempotency-Key", strconv.FormatUint(rand.Uint64(), 16)+strconv.FormatUint(rand.Uint64(), 16))
	}
	return true
}

func (*createByMany) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if len(r.Header.Peek("Idempotent-Replayed")) > 0 {
		return errors.New("response is a replay")
	}
	if len(idOf(r.Body())) == 0 {
		return fmt.Errorf("response has no id: %s", r.Body())
	}
	return nil
}

// page is the number of orders in a list, if the request does not say otherwise.
const page = 20

// List returns scripts that list the newest orders of random users without an account, who own orders in a database that
// was seeded with a number of orders. If constant, the server sends the same list to every request, so that its owner is
// not checked.
func List(bearers Bearers, orders int, constant bool) func(client int) load.Script {
	return func(client int) load.Script {
		return &list{bearers: bearers, owners: Owners(orders), constant: constant, dice: dice(client)}
	}
}

type list struct {
	bearers  Bearers
	owners   int
	constant bool
	dice     *rand.Rand
	owner    []byte
}

func (s *list) Next(r *fasthttp.Request) bool {
	user, token := s.bearers.at(s.dice.IntN(s.owners))
	s.owner = append(append(append(s.owner[:0], `"userid":"`...), user...), '"')
	ask(r, fasthttp.MethodGet, "/order/list", token)
	return true
}

func (s *list) Check(r *fasthttp.Response) error {
	if err := succeeded(r); err != nil {
		return err
	}
	if s.constant {
		return nil
	}
	if count := bytes.Count(r.Body(), s.owner); count != page {
		return fmt.Errorf("response has %d orders with %s: %s", count, s.owner, r.Body())
	}
	return nil
}
