package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"userorder/bench/work"
)

// shop is a database with the processes that serve it, as its clients see them.
type shop struct {
	plan      Plan
	secret    string
	addresses []string // of the processes
	client    *http.Client
	conns     *connections
	record    *record
	customers []*customer

	names     atomic.Int64 // of strangers
	impatient string       // the address of the client that is over its limit

	mu       sync.Mutex // of what follows
	signed   time.Time
	token    string // of staff
	position string // in the feed
}

func newShop(plan Plan, secret string, addresses []string) *shop {
	s := &shop{
		plan: plan, secret: secret, addresses: addresses, record: newRecord(plan), impatient: "10.2.0.1", position: "0",
	}
	s.client, s.conns = newClient()
	for i := range plan.customers() {
		const each = 250
		s.customers = append(s.customers, &customer{name: "customer" + strconv.Itoa(i+1), from: fmt.Sprintf("10.1.%d.%d", i/each, 1+i%each)})
	}
	return s
}

// open registers the customers and logs them in.
func (s *shop) open(ctx context.Context) error {
	for _, do := range []func(c *customer){
		func(c *customer) { s.register(ctx, c.name, c.from) },
		func(c *customer) {
			s.login(ctx, c, time.Time{})
			c.fresh = time.Now().Add(rand.N(tokenLife / 2)) // so that not all tokens are renewed at once
		},
	} {
		for _, c := range s.customers {
			do(c)
			if s.record.countWrong() > 0 || ctx.Err() != nil {
				return errors.Join(ctx.Err(), fmt.Errorf("register the customers: %q", s.record.faults))
			}
		}
	}
	return nil
}

// trade sends visits at an even rate until the time is over, whether the responses to those before have come or not. It
// returns when all have come. The time of a response counts from when its visit was due.
func (s *shop) trade(ctx context.Context) error {
	crowd := int64(60 * s.plan.Rate) // visits at once, from which on the service does not keep up
	var visits sync.WaitGroup
	defer visits.Wait()
	var inside atomic.Int64
	pause := time.Second / time.Duration(s.plan.Rate)
	end := s.record.began.Add(s.plan.Time)
	for due, number := s.record.began, 0; due.Before(end); due, number = due.Add(pause), number+1 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if inside.Load() > crowd {
			return fmt.Errorf("%d visits are under way: the machine is too slow for the rate", crowd)
		}
		inside.Add(1)
		visits.Go(func() {
			defer inside.Add(-1)
			s.serve(ctx, number, due)
		})
	}
	return nil
}

// serve sends the requests of one visit.
func (s *shop) serve(ctx context.Context, number int, due time.Time) {
	switch dice := rand.IntN(100); {
	case dice < 5:
		s.stranger(ctx, due)
	case dice < 13:
		s.hurry(ctx, due)
	case dice < 18:
		s.office(ctx, due)
	default:
		for i := range s.customers { // in turn; one whose last visit is not over comes later
			c := s.customers[(number+i)%len(s.customers)]
			if c.mu.TryLock() {
				defer c.mu.Unlock()
				s.visit(ctx, c, due)
				return
			}
		}
	}
}

// hurry sends a request of the client that sends more than it may, always to the same process.
func (s *shop) hurry(ctx context.Context, due time.Time) {
	s.send(ctx, 0, call{kind: "info, over the limit", method: http.MethodGet, path: "/user/info", from: s.impatient,
		want: []answer{unauthorized, limited}, due: due})
}

// office sends a request of staff.
func (s *shop) office(ctx context.Context, due time.Time) {
	get := call{class: reads, method: http.MethodGet, token: s.staff(), from: s.desk(), want: []answer{fine}, due: due}
	switch rand.IntN(4) {
	case 0:
		get.kind, get.path = "list of all, staff", "/order/list?userid=all&status=created&limit=20"
		s.send(ctx, s.anywhere(), get)
	case 1:
		get.kind, get.path = "accounts, staff", "/user/list?limit=20"
		s.send(ctx, s.anywhere(), get)
	case 2:
		get.kind, get.path = "webhooks, staff", "/order/webhooks"
		s.send(ctx, s.anywhere(), get)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		get.kind, get.path = "feed, staff", "/order/events?limit=100&after="+s.position
		if r := s.send(ctx, s.anywhere(), get); r.ok {
			s.position = r.Data.Next
		}
	}
}

// staff returns a token of staff, which belongs to no session.
func (s *shop) staff() string {
	const life = time.Hour
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.signed) > life {
		token, err := work.SignStaff(s.secret)
		if err != nil {
			s.record.fault(err.Error())
		}
		s.token, s.signed = token, time.Now()
	}
	return s.token
}

// desk returns the address of one of those who are staff.
func (*shop) desk() string { return "10.3.0." + strconv.Itoa(1+rand.IntN(250)) }

func (s *shop) register(ctx context.Context, name, from string) reply {
	return s.send(ctx, s.anywhere(), call{class: hashes, kind: "register", method: http.MethodPost, path: "/user/register", from: from,
		body: fmt.Sprintf(`{"username":%q,"password":%q,"email":"%s@example.com"}`, name, password, name), want: []answer{fine}})
}

// stranger sends what comes from an address that was not seen before: mostly what is refused.
func (s *shop) stranger(ctx context.Context, due time.Time) {
	from := fmt.Sprintf("10.%d.%d.%d", 128+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))
	bad := func(kind, method, path, body string, want answer) call {
		return call{kind: kind, method: method, path: path, body: body, from: from, want: []answer{want}, due: due, once: true}
	}
	calls := []call{
		bad("info, no token", http.MethodGet, "/user/info", "", unauthorized),
		bad("create, no token", http.MethodPost, "/order/create", `{"product":"product1","price":1}`, unauthorized),
		bad("refresh, no refresh token", http.MethodPost, "/user/refresh", `{"refresh_token":"AQAAAA"}`, unauthorized),
		bad("no such route", http.MethodGet, "/wp-login.php", "", noRoute),
		bad("no such method", http.MethodPut, "/user/login", "", noMethod),
		bad("login, not JSON", http.MethodPost, "/user/login", `{"username":`, malformed),
		bad("register, invalid", http.MethodPost, "/user/register", `{"username":"","password":"1","email":"x"}`, malformed),
		bad("login, text", http.MethodPost, "/user/login", `username=a`, wrongType),
		bad("events, no staff", http.MethodGet, "/order/events?after=0", "", unauthorized),
	}
	calls[0].token, calls[7].text = "a.b.c", true
	switch dice := rand.IntN(len(calls) + 2); {
	case dice < len(calls):
		s.send(ctx, s.anywhere(), calls[dice])
	case dice == len(calls):
		unknown := bad("login, unknown name", http.MethodPost, "/user/login",
			fmt.Sprintf(`{"username":"nobody%d","password":%q}`, s.names.Add(1), password), failure)
		unknown.class = hashes
		s.send(ctx, s.anywhere(), unknown)
	default:
		s.comeAndGo(ctx, from)
	}
}

// comeAndGo registers an account, and erases every other one after an order.
func (s *shop) comeAndGo(ctx context.Context, from string) {
	c := &customer{name: "stranger" + strconv.FormatInt(s.names.Add(1), 10), from: from}
	if r := s.register(ctx, c.name, from); !r.ok || chance(0.5) {
		return
	}
	s.login(ctx, c, time.Time{})
	if c.token == "" {
		return
	}
	s.order(ctx, c, time.Time{})
	if len(c.orders) > 0 && len(s.customers) > 0 {
		s.intrude(ctx, c)
	}
	s.send(ctx, s.anywhere(), call{class: hashes, kind: "erase", method: http.MethodDelete, path: "/user/account", token: c.token, from: from,
		body: fmt.Sprintf(`{"password":%q}`, password), want: []answer{fine}})
}

// intrude asks for what is another customer's or staff's.
func (s *shop) intrude(ctx context.Context, c *customer) {
	for _, get := range []call{
		{kind: "list of another", path: "/order/list?userid=1"},
		{kind: "accounts, no staff", path: "/user/list"},
	} {
		get.method, get.token, get.from, get.want = http.MethodGet, c.token, c.from, []answer{forbidden}
		s.send(ctx, s.anywhere(), get)
	}
	s.send(ctx, s.anywhere(), call{kind: "create, invalid", method: http.MethodPost, path: "/order/create", token: c.token, from: c.from,
		body: `{"product":"","price":-1}`, want: []answer{malformed}})
}
