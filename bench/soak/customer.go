package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// password is the password of every account.
const password = "a password"

// customer is an account, and what its client remembers. The goroutine that serves its visit holds mu.
type customer struct {
	mu sync.Mutex

	name, from     string
	token, refresh string    // empty without a session
	fresh, until   time.Time // when the token is renewed, and when the session is over
	spent          string    // the refresh token before
	spentAt        time.Time
	orders         []bought
	keys           int
}

// bought is an order of a customer.
type bought struct {
	id      string
	status  string
	version int
	at      time.Time
}

// keep is how many orders a client remembers.
const keep = 20

func (c *customer) session(r reply, life time.Duration) {
	c.token, c.refresh = r.Data.Token, r.Data.RefreshToken
	// Tokens are renewed in the second quarter of their lives, at different times.
	c.fresh = time.Now().Add(tokenLife/4 + rand.N(tokenLife/4))
	const margin = 15 * time.Second
	c.until = time.Now().Add(life - margin)
}

func (c *customer) end() { c.token, c.refresh, c.spent = "", "", "" }

// visit sends the requests of a visit.
func (s *shop) visit(ctx context.Context, c *customer, due time.Time) {
	switch {
	case c.token == "", time.Now().After(c.until):
		s.login(ctx, c, due)
	case time.Now().After(c.fresh):
		s.renew(ctx, c, due)
	default:
		c.forget()
		s.browse(ctx, c, due)
	}
}

// forget forgets the orders that the service may have cancelled meanwhile, since nobody has paid them.
func (c *customer) forget() {
	kept := c.orders[:0]
	for _, o := range c.orders {
		if o.status != "created" || time.Since(o.at) < orderExpiry/2 {
			kept = append(kept, o)
		}
	}
	c.orders = kept[max(0, len(kept)-keep):]
}

func (s *shop) login(ctx context.Context, c *customer, due time.Time) {
	if chance(0.03) {
		s.send(ctx, s.anywhere(), call{class: hashes, kind: "login, wrong password", method: http.MethodPost, path: "/user/login",
			body: fmt.Sprintf(`{"username":%q,"password":"another password"}`, c.name), from: c.from, want: []answer{failure}, due: due})
		due = time.Time{}
	}
	r := s.send(ctx, s.anywhere(), call{class: hashes, kind: "login", method: http.MethodPost, path: "/user/login",
		body: fmt.Sprintf(`{"username":%q,"password":%q}`, c.name, password), from: c.from, want: []answer{fine}, due: due})
	if r.ok {
		c.session(r, s.plan.sessionLife())
	}
}

// renew refreshes a session, or ends it in one of several ways.
func (s *shop) renew(ctx context.Context, c *customer, due time.Time) {
	refresh := call{class: writes, kind: "refresh", method: http.MethodPost, path: "/user/refresh", from: c.from, want: []answer{fine}, due: due,
		body: `{"refresh_token":"` + c.refresh + `"}`}
	const grace = 35 * time.Second // more than the 30 s in which a refresh token returns its successor again
	switch dice := rand.IntN(100); {
	case dice < 3:
		process := s.anywhere()
		s.send(ctx, process, call{class: writes, kind: "logout", method: http.MethodPost, path: "/user/logout", token: c.token, from: c.from,
			want: []answer{fine}, has: `"ended":1`, due: due})
		s.send(ctx, process, call{kind: "info, ended session", method: http.MethodGet, path: "/user/info", token: c.token, from: c.from,
			want: []answer{unauthorized}})
		c.end()
	case dice < 6: // closes the window: the session expires
		c.end()
		s.login(ctx, c, due)
	case c.spent != "" && time.Since(c.spentAt) > grace && dice < 15:
		refresh.kind, refresh.class, refresh.want = "refresh, used again", other, []answer{unauthorized}
		refresh.body = `{"refresh_token":"` + c.spent + `"}`
		s.send(ctx, s.anywhere(), refresh)
		c.end()
	default:
		r := s.send(ctx, s.anywhere(), refresh)
		if !r.ok {
			c.end()
			return
		}
		if dice < 20 { // as if the response was lost
			refresh.kind, refresh.due, refresh.has = "refresh, repeated", time.Time{}, `"refresh_token":"`+r.Data.RefreshToken+`"`
			s.send(ctx, s.anywhere(), refresh)
		}
		c.spent, c.spentAt = c.refresh, time.Now()
		c.session(r, s.plan.sessionLife())
	}
}

// browse does what customers do with a session.
func (s *shop) browse(ctx context.Context, c *customer, due time.Time) {
	get := call{class: reads, method: http.MethodGet, token: c.token, from: c.from, want: []answer{fine}, due: due}
	switch dice := rand.IntN(1000); {
	case dice < 380:
		s.query(ctx, c, get)
	case dice < 500:
		s.list(ctx, c, due)
	case dice < 560:
		get.kind, get.path, get.has = "info", "/user/info", `"username":"`+c.name+`"`
		s.send(ctx, s.anywhere(), get)
	case dice < 770:
		s.order(ctx, c, due)
	case dice < 810:
		s.cancel(ctx, c, due)
	case dice < 890:
		s.move(ctx, c, "created", "paid", due)
	case dice < 940:
		s.move(ctx, c, "paid", "shipped", due)
	case dice < 970:
		s.move(ctx, c, "shipped", "completed", due)
	case dice < 985:
		s.history(ctx, c, get)
	case dice < 998:
		get.kind, get.path, get.has = "sessions", "/user/sessions", `"current":true`
		s.send(ctx, s.anywhere(), get)
	default:
		s.changePassword(ctx, c, due)
	}
}

func (s *shop) query(ctx context.Context, c *customer, get call) {
	if len(c.orders) == 0 {
		s.order(ctx, c, get.due)
		return
	}
	o := c.orders[rand.IntN(len(c.orders))]
	get.kind, get.path, get.has = "query", "/order/query/"+o.id, `"status":"`+o.status+`"`
	s.send(ctx, s.anywhere(), get)
}

func (s *shop) list(ctx context.Context, c *customer, due time.Time) {
	get := call{class: reads, kind: "list", method: http.MethodGet, path: "/order/list?limit=10", token: c.token, from: c.from,
		want: []answer{fine}, due: due}
	r := s.send(ctx, s.anywhere(), get)
	if r.Data.Next != "" && chance(0.5) {
		get.kind, get.due, get.path = "list, next page", time.Time{}, "/order/list?limit=10&after="+r.Data.Next
		s.send(ctx, s.anywhere(), get)
	}
}

func (s *shop) history(ctx context.Context, c *customer, get call) {
	if len(c.orders) == 0 {
		s.order(ctx, c, get.due)
		return
	}
	get.kind, get.path, get.has = "history", "/order/history/"+c.orders[0].id, `"type":"order.created"`
	s.send(ctx, s.anywhere(), get)
}

// order creates an order, sometimes with a key, and then sometimes twice.
func (s *shop) order(ctx context.Context, c *customer, due time.Time) {
	price := strconv.FormatFloat(float64(rand.IntN(100_000))/100, 'f', 2, 64)
	create := call{class: writes, kind: "create", method: http.MethodPost, path: "/order/create", token: c.token, from: c.from, due: due,
		body: `{"product":"product1","price":` + price + `,"metadata":{"size":"L"}}`, want: []answer{fine}, has: `"status":"created"`}
	if chance(0.4) {
		c.keys++
		create.kind, create.key = "create with a key", fmt.Sprintf("%s-%d-%d", c.name, s.record.began.Unix(), c.keys)
	}
	r := s.send(ctx, s.anywhere(), create)
	if !r.ok {
		return
	}
	c.orders = append(c.orders, bought{r.Data.ID, "created", 1, time.Now()})
	if create.key == "" || !chance(0.3) {
		return
	}
	create.kind, create.due, create.has = "create, repeated", time.Time{}, `"id":"`+r.Data.ID+`"`
	if again := s.send(ctx, s.anywhere(), create); again.ok && !again.replayed {
		s.record.fault("create, repeated: the response lacks Idempotent-Replayed")
	}
	if chance(0.1) {
		create.kind, create.class, create.has = "create, key of another", other, ""
		create.body, create.want = `{"product":"product2","price":1}`, []answer{keyUsed}
		s.send(ctx, s.anywhere(), create)
	}
}

// find returns the index of an order with a status, or -1.
func (c *customer) find(status string) int {
	for i, o := range c.orders {
		if o.status == status {
			return i
		}
	}
	return -1
}

func (s *shop) cancel(ctx context.Context, c *customer, due time.Time) {
	i := c.find("created")
	if i < 0 {
		s.list(ctx, c, due)
		return
	}
	o := c.orders[i]
	c.orders = append(c.orders[:i], c.orders[i+1:]...)
	r := s.send(ctx, s.anywhere(), call{class: writes, kind: "cancel", method: http.MethodDelete, path: "/order/cancel/" + o.id, token: c.token,
		from: c.from, want: []answer{fine}, due: due})
	if r.ok && chance(0.2) {
		s.send(ctx, s.anywhere(), call{kind: "query, cancelled", method: http.MethodGet, path: "/order/query/" + o.id, token: c.token,
			from: c.from, want: []answer{failure}})
	}
}

// move gives an order of the customer the next status: staff does, but for the last, which the customer does.
func (s *shop) move(ctx context.Context, c *customer, from, to string, due time.Time) {
	i := c.find(from)
	if i < 0 {
		s.list(ctx, c, due)
		return
	}
	o := c.orders[i]
	move := call{class: writes, kind: to, method: http.MethodPost, path: "/order/status/" + o.id, body: `{"status":"` + to + `"}`,
		token: s.staff(), from: s.desk(), match: `"` + strconv.Itoa(o.version) + `"`, want: []answer{fine}, has: `"status":"` + to + `"`, due: due}
	if to == "completed" {
		move.token, move.from = c.token, c.from
	}
	if r := s.send(ctx, s.anywhere(), move); !r.ok {
		c.orders = append(c.orders[:i], c.orders[i+1:]...)
		return
	}
	c.orders[i].status, c.orders[i].version = to, o.version+1
	if chance(0.05) { // with the version of before
		move.kind, move.class, move.has, move.due, move.want = "status, old version", other, "", time.Time{}, []answer{stale}
		s.send(ctx, s.anywhere(), move)
	}
}

func (s *shop) changePassword(ctx context.Context, c *customer, due time.Time) {
	r := s.send(ctx, s.anywhere(), call{class: hashes, kind: "password", method: http.MethodPost, path: "/user/password", token: c.token, from: c.from,
		body: fmt.Sprintf(`{"old_password":%q,"new_password":%q}`, password, password), want: []answer{fine}, due: due})
	if !r.ok {
		c.end()
		return
	}
	c.spent = ""
	c.session(r, s.plan.sessionLife())
}

func chance(p float64) bool { return rand.Float64() < p }
