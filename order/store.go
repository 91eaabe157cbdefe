package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
	"userorder/httpapi"
)

type store struct {
	db *database.DB
}

// insert adds an order and returns the id that the database gives it. It ignores o.ID.
func (s *store) insert(ctx context.Context, o order) (id int64, err error) {
	const query = `
		INSERT INTO orders (user_id, product, price, status, created_at)
		VALUES ($1, $2, $3, $4, $5)`
	id, err = s.db.Insert(ctx, query,
		o.UserID, string(o.Product), int64(o.Price), string(o.Status), o.CreatedAt.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("insert order: %w", err)
	}
	return id, nil
}

// byID returns an order, whatever its status, or errNotFound.
func (s *store) byID(ctx context.Context, id int64) (order, error) {
	const query = `SELECT id, user_id, product, price, status, created_at FROM orders WHERE id = $1`
	var o order
	var createdAt int64
	err := s.db.QueryRow(ctx, query, id).Scan(
		&o.ID, &o.UserID, (*string)(&o.Product), (*int64)(&o.Price), (*string)(&o.Status), &createdAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return order{}, errNotFound
	case err != nil:
		return order{}, fmt.Errorf("select order: %w", err)
	}
	o.CreatedAt = httpapi.TimestampOf(createdAt)
	return o, nil
}

// cancel cancels an order that belongs to the user and is not cancelled, and reports whether it did. Exactly one of many
// concurrent calls succeeds.
func (s *store) cancel(ctx context.Context, userID, id int64, at time.Time) (cancelled bool, err error) {
	const query = `
		UPDATE orders SET status = $1, cancelled_at = $2
		WHERE id = $3 AND user_id = $4 AND status = $5`
	rows, err := s.db.Exec(ctx, query, string(statusCancelled), at.UnixMilli(), id, userID, string(statusCreated))
	if err != nil {
		return false, fmt.Errorf("cancel order: %w", err)
	}
	return rows == 1, nil
}
