package order

import (
	"context"
	"time"
)

type service struct {
	store *store
}

// create makes an order of a user and returns it.
func (s *service) create(ctx context.Context, userID int64, product Product, price Price) (Order, error) {
	order := Order{
		UserID:    userID,
		Product:   product,
		Price:     price,
		Status:    Created,
		CreatedAt: timeOf(time.Now().UnixMilli()),
	}
	var err error
	order.ID, err = s.store.insert(ctx, order)
	return order, err
}

// query returns an order of a user, or ErrNotFound, or ErrForbidden if it is another user's.
func (s *service) query(ctx context.Context, userID, id int64) (Order, error) {
	order, err := s.store.byID(ctx, id)
	switch {
	case err != nil:
		return Order{}, err
	case order.Status == Cancelled: // whoever's it was
		return Order{}, ErrNotFound
	case order.UserID != userID:
		return Order{}, ErrForbidden
	}
	return order, nil
}

// cancel cancels an order of a user, or returns ErrNotFound, or ErrForbidden if it is another user's.
func (s *service) cancel(ctx context.Context, userID, id int64) error {
	cancelled, err := s.store.cancel(ctx, userID, id, time.Now())
	if err != nil || cancelled {
		return err
	}
	if _, err = s.query(ctx, userID, id); err != nil {
		return err
	}
	return ErrNotFound // it came into being after we looked
}
