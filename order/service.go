package order

import (
	"context"
	"time"

	"userorder/httpapi"
)

type service struct {
	store *store
	now   func() time.Time
}

// create returns the new order, with the id that the database gave it.
func (s *service) create(ctx context.Context, userID int64, what product, amount price) (order, error) {
	o := order{
		UserID:    userID,
		Product:   what,
		Price:     amount,
		Status:    statusCreated,
		CreatedAt: httpapi.TimestampOf(s.now().UnixMilli()),
	}
	var err error
	o.ID, err = s.store.insert(ctx, o)
	return o, err
}

// query returns an order of a user, errNotFound, or errForbidden if it is another user's. A cancelled order looks
// missing, to other users too.
func (s *service) query(ctx context.Context, userID, id int64) (order, error) {
	o, err := s.store.byID(ctx, id)
	switch {
	case err != nil:
		return order{}, err
	case o.Status == statusCancelled:
		return order{}, errNotFound
	case o.UserID != userID:
		return order{}, errForbidden
	}
	return o, nil
}

// cancel cancels an order of a user, or fails as query does.
func (s *service) cancel(ctx context.Context, userID, id int64) error {
	cancelled, err := s.store.cancel(ctx, userID, id, s.now())
	if err != nil || cancelled {
		return err
	}
	if _, err = s.query(ctx, userID, id); err != nil {
		return err
	}
	return errNotFound // it was created only after the UPDATE had looked for it
}
