package order

import (
	"context"
	"net/http"
	"slices"

	"userorder/auth"
	"userorder/httpapi"
)

// status is the state of an order.
type status string

// The tutorial's routes do not show a cancelled order to its owner.
const (
	statusCreated   status = "created"
	statusPaid      status = "paid"
	statusShipped   status = "shipped"
	statusCompleted status = "completed"
	statusCancelled status = "cancelled"
)

// system is the role of the service itself.
const system auth.Role = "system"

// transitions lists all changes that there are. A customer may make them to the customer's own orders.
var transitions = []struct {
	from, to status
	by       []auth.Role
}{
	{statusCreated, statusPaid, []auth.Role{auth.Staff}},
	{statusCreated, statusCancelled, []auth.Role{auth.Customer, auth.Staff, system}},
	{statusPaid, statusCancelled, []auth.Role{auth.Customer, auth.Staff}},
	{statusPaid, statusShipped, []auth.Role{auth.Staff}},
	{statusShipped, statusCompleted, []auth.Role{auth.Customer, auth.Staff}},
}

// next returns the statuses that a role may move an order to.
func (s status) next(role auth.Role) []status {
	next := []status{}
	for _, t := range transitions {
		if t.from == s && slices.Contains(t.by, role) {
			next = append(next, t.to)
		}
	}
	return next
}

// sources returns the statuses from which a role may move an order to s. There are two at most.
func (s status) sources(role auth.Role) (from []status) {
	for _, t := range transitions {
		if t.to == s && slices.Contains(t.by, role) {
			from = append(from, t.from)
		}
	}
	return from
}

var textStatus = httpapi.Text{
	ZH: "须为 created、paid、shipped、completed 或 cancelled",
	EN: "must be created, paid, shipped, completed or cancelled",
}

// UnmarshalText accepts the names of the statuses.
func (s *status) UnmarshalText(text []byte) error {
	switch named := status(text); named {
	case statusCreated, statusPaid, statusShipped, statusCompleted, statusCancelled:
		*s = named
		return nil
	}
	return textStatus
}

var (
	errStatus  = httpapi.NewBusinessError(httpapi.Text{ZH: "订单状态不允许此操作", EN: "the status of the order does not allow this"})
	errChanged = httpapi.NewError(http.StatusPreconditionFailed, httpapi.Text{ZH: "订单已被修改，请重新查询", EN: "the order has changed, query it again"})
)

// move is a change of the status of an order that a caller asks for.
type move struct {
	id      int64
	to      status
	note    note
	caller  auth.Caller
	version httpapi.Precondition
}

// maxMoves bounds the tries of a move. Each but the first follows a change that somebody else has made meanwhile, of which
// an order has four at most.
const maxMoves = 6

// move changes the status of an order and returns the order. Moved is false if it has the status already. The error is
// auth.ErrForbidden if the role of the caller can never set the status, errNotFound, errForbidden, errChanged, or errStatus
// with the statuses that are allowed.
func (s *service) move(ctx context.Context, m move) (o order, moved bool, err error) {
	if m.to != statusCreated && len(m.to.sources(m.caller.Role)) == 0 {
		return order{}, false, auth.ErrForbidden
	}
	expected := int64(0) // any version
	for range maxMoves {
		if expected != 0 || !m.version.Restricts {
			o, moved, err = s.store.move(ctx, m, expected, s.now())
			if moved || err != nil {
				return o, moved, err
			}
		}
		if o, err = s.store.byID(ctx, m.id); err == nil {
			err = m.judge(o)
		}
		if err == nil && o.Status == m.to {
			o, err = s.store.confirm(ctx, m.id)
		}
		if err != nil || o.Status == m.to {
			return o, false, err
		}
		expected = o.Version
	}
	return order{}, false, errChanged
}

// judge returns an error if an order must not be moved, but none if it has the status already.
func (m move) judge(o order) error {
	switch staff := m.caller.Role == auth.Staff; {
	case !staff && o.Status == statusCancelled:
		return errNotFound
	case !staff && o.UserID != m.caller.UserID:
		return errForbidden
	case !m.version.Allows(o.Version):
		return errChanged
	case o.Status == m.to && m.to != statusCreated:
		return nil
	case !slices.Contains(o.Status.next(m.caller.Role), m.to):
		return errStatus.With(refusal{o.Status, o.Status.next(m.caller.Role)})
	}
	return nil
}

// refusal is the data of errStatus.
type refusal struct {
	Status status   `json:"status"`
	Next   []status `json:"next"` // what the caller may do instead
}
