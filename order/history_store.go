package order

import (
	"context"
	"fmt"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

// Orders from before there were events have none of their creation, nor of their cancellation if that was before, too.
// Their rows imply these events, whose ids are below all others. store.lastWithoutEvents is the last of these orders.

// readLastWithoutEvents returns the id of the last order without events of its own.
func readLastWithoutEvents(ctx context.Context, db *database.DB) (id int64, err error) {
	err = db.QueryRow(ctx, `SELECT last_order_id FROM order_events_begin`).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("select the beginning of the events: %w", err)
	}
	return id, nil
}

// history returns the events of an order, the oldest first.
func (s *store) history(ctx context.Context, o order) (history, error) {
	const query = `
		SELECT id, order_id, version, status, role, coalesce(actor, 0), note, at FROM order_events
		WHERE order_id = $1 ORDER BY version LIMIT 100`
	events, err := database.Collect(ctx, s.db, func(row *database.Row) (event, error) { return scanEvent(row) }, query, o.ID)
	if err != nil {
		return nil, fmt.Errorf("select events: %w", err)
	}
	if o.ID > s.lastWithoutEvents {
		return events, nil
	}
	implied, err := s.implied(ctx, o.ID, o.ID, 1)
	return append(implied, events...), err
}

// scanEvent reads the columns of an event, and others that follow them.
func scanEvent(row *database.Row, others ...any) (e event, err error) {
	var at int64
	err = row.Scan(append([]any{
		&e.id, &e.order.ID, &e.order.Version, (*string)(&e.order.Status), (*string)(&e.role), &e.actor, (*string)(&e.note), &at,
	}, others...)...)
	e.order.UpdatedAt = httpapi.TimestampOf(at)
	return e, err
}

// feed returns up to limit events of all orders that follow the one with an id.
func (s *store) feed(ctx context.Context, after int64, limit int) (events []event, err error) {
	if after < 2*s.lastWithoutEvents {
		events, err = s.implied(ctx, after/2+1, s.lastWithoutEvents, limit+1) // the first one may have been seen
		if len(events) > 0 && events[0].id <= after {
			events = events[1:]
		}
		if err != nil || len(events) >= limit {
			return events[:min(len(events), limit)], err
		}
	}
	rest, err := s.settled(ctx, after, limit-len(events))
	return append(events, rest...), err
}

// settled returns up to limit events with ids greater than after. It leaves out those that may still be followed by one with
// a lower id.
func (s *store) settled(ctx context.Context, after int64, limit int) ([]event, error) {
	const query = `
		SELECT ` + feedColumns + `
		FROM order_events AS e JOIN orders AS o ON o.id = e.order_id
		WHERE e.id > $1 AND e.id <= $2 ORDER BY e.id LIMIT $3`
	last, err := s.db.Settled(ctx, "order_events")
	if err != nil || last <= after {
		return nil, err
	}
	events, err := database.Collect(ctx, s.db, func(row *database.Row) (event, error) { return scanFeed(row) }, query, after, last, limit)
	if err != nil {
		return nil, fmt.Errorf("select events: %w", err)
	}
	return events, nil
}

const feedColumns = `e.id, e.order_id, e.version, e.status, e.role, coalesce(e.actor, 0), e.note, e.at,
	o.user_id, o.product, o.price, o.created_at, coalesce(o.metadata, '')`

// scanFeed reads an event with the order as it was then, and other columns that follow: what is not in the event never
// changes.
func scanFeed(row *database.Row, others ...any) (event, error) {
	var o order
	var createdAt int64
	e, err := scanEvent(row, append([]any{
		&o.UserID, (*string)(&o.Product), (*int64)(&o.Price), &createdAt, (*string)(&o.Metadata),
	}, others...)...)
	o.ID, o.Status, o.Version, o.UpdatedAt = e.order.ID, e.order.Status, e.order.Version, e.order.UpdatedAt
	o.CreatedAt = httpapi.TimestampOf(createdAt)
	e.order = o
	return e, err
}

// implied returns the events that the rows of up to limit orders, from first to last, imply.
func (s *store) implied(ctx context.Context, first, last int64, limit int) (events []event, err error) {
	const query = `
		SELECT ` + columns + `, CASE WHEN version = 1 THEN coalesce(cancelled_at, 0) ELSE 0 END
		FROM orders WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
	pairs, err := database.Collect(ctx, s.db, scanImplied, query, first, last, limit)
	if err != nil {
		return nil, fmt.Errorf("select orders: %w", err)
	}
	for _, pair := range pairs {
		events = append(events, pair...)
	}
	return events, nil
}

// scanImplied reads the one or two events that an order implies.
func scanImplied(row *database.Row) ([]event, error) {
	var cancelledAt int64
	o, err := scan(row, &cancelledAt)
	created := event{id: 2*o.ID - 1, actor: o.UserID, role: auth.Customer, order: o.asCreated()}
	if cancelledAt == 0 {
		return []event{created}, err
	}
	return []event{created, {id: 2 * o.ID, actor: o.UserID, role: auth.Customer, order: o}}, err
}
