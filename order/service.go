package order

import (
	"context"
	"time"

	"userorder/auth"
	"userorder/httpapi"
)

type service struct {
	store    *store
	now      func() time.Time
	webhooks webhooks
}

// draft is an order that is to be created.
type draft struct {
	order    // without an id, a status and times
	creator  int64
	role     auth.Role // of the creator
	key      string    // its idempotency key, or ""
	language string    // of the answer
}

// isPlain reports whether the draft has nothing that the tutorial's has not.
func (d draft) isPlain() bool {
	return d.creator == d.UserID && d.role == auth.Customer && d.Metadata == "" && d.key == ""
}

// create returns the new order, with the id that the database gave it, or errKeyTaken.
func (s *service) create(ctx context.Context, d draft) (o order, err error) {
	d.CreatedAt = httpapi.TimestampOf(s.now().UnixMilli())
	o = d.asCreated()
	o.ID, err = s.store.insert(ctx, d)
	return o, err
}

// query returns an order that belongs to the caller, errNotFound, or errForbidden if it is another user's. A cancelled order
// looks missing, to other users too. Staff may query every order.
func (s *service) query(ctx context.Context, caller auth.Caller, id int64) (order, error) {
	o, err := s.store.byID(ctx, id)
	switch {
	case err != nil:
		return order{}, err
	case caller.Role == auth.Staff:
		return o, nil
	case o.Status == statusCancelled:
		return order{}, errNotFound
	case o.UserID != caller.UserID:
		return order{}, errForbidden
	}
	return o, nil
}

// cancel is move to cancelled, but an order that is cancelled already looks missing.
func (s *service) cancel(ctx context.Context, m move) error {
	_, moved, err := s.move(ctx, m)
	if err == nil && !moved {
		return errNotFound
	}
	return err
}
