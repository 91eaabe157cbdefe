// Package seed inserts orders directly into databases whose tables the service has created. The service must not run on
// them.
//
// It knows the columns of the first migration of orders and the table of events, if there is one, so that it can seed for
// an earlier release, too. Indexes and triggers are taken from the database, removed while rows are inserted, and put
// back: to sort an index once is faster than to insert ten million keys at random, and a trigger that runs ten million
// times takes minutes on PostgreSQL. The events that it would have written are inserted by one statement instead, so the
// database is like one whose orders the service has created.
package seed

import "userorder/bench/work"

const (
	// owned selects the orders whose ids follow it. Every Third belongs to the user that work.Owner returns.
	owned = ` (id, user_id, product, price, status, created_at)
		SELECT id, CASE WHEN id % $2 = 0 THEN 1 + id % $3 ELSE $3 + 1 + id % $4 END, 'product1', 10000, 'created', 1767323045678 FROM `

	// created inserts the events that the trigger on orders writes.
	created = `INSERT INTO order_events (order_id, version, status, role, actor, note, at)
		SELECT id, version, status, 'customer', user_id, '', created_at FROM orders ORDER BY id`
)

// arguments are the arguments of owned, after the number of orders.
func arguments(orders int) []any {
	return []any{orders, work.Third, work.Users, work.Owners(orders)}
}
