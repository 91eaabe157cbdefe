package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

// store reads and writes orders. Triggers of the database write an event with each change, in the same transaction.
type store struct {
	db                *database.DB
	lastWithoutEvents int64 // the last order without events of its own, or 0
}

// errKeyTaken means that an order of the same creator has the idempotency key.
var errKeyTaken = errors.New("the idempotency key is taken")

// insert adds an order and returns the id that the database gives it, or errKeyTaken.
func (s *store) insert(ctx context.Context, d draft) (id int64, err error) {
	const plain = `
		INSERT INTO orders (user_id, product, price, status, created_at)
		VALUES ($1, $2, $3, $4, $5)`
	const full = `
		INSERT INTO orders (user_id, product, price, status, created_at, metadata, created_by, changed_as, idempotency_key, language)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING`
	args := []any{d.UserID, string(d.Product), int64(d.Price), string(statusCreated), d.CreatedAt.UnixMilli()}
	if d.isPlain() {
		id, err = s.db.Insert(ctx, plain, args...)
	} else {
		args = append(args, orNull(d.Metadata), d.creator, string(d.role), orNull(d.key), d.language)
		id, err = s.db.Insert(ctx, full, args...)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, errKeyTaken
	case err != nil:
		return 0, fmt.Errorf("insert order: %w", err)
	}
	return id, nil
}

// orNull returns an argument for a statement: nil for an empty text.
func orNull[T ~string](text T) any {
	if text == "" {
		return nil
	}
	return string(text)
}

const columns = `id, user_id, product, price, status, created_at,
	coalesce(changed_at, cancelled_at, created_at), version, coalesce(metadata, '')`

// scanner returns a function that reads the columns of an order, and others that follow them, from one row after another.
// It makes the list of destinations once: a list of orders would otherwise spend a third of its time on that.
func scanner(others ...any) func(*database.Row) (order, error) {
	var o order
	var createdAt, updatedAt int64
	dest := append([]any{
		&o.ID, &o.UserID, (*string)(&o.Product), (*int64)(&o.Price), (*string)(&o.Status), &createdAt,
		&updatedAt, &o.Version, (*string)(&o.Metadata),
	}, others...)
	return func(row *database.Row) (order, error) {
		err := row.Scan(dest...)
		o.CreatedAt, o.UpdatedAt = httpapi.TimestampOf(createdAt), httpapi.TimestampOf(updatedAt)
		if o.Status == statusCancelled && o.Version == 1 { // cancelled before there were versions
			o.Version = 2
		}
		return o, err
	}
}

// scan reads the columns of an order, and others that follow them.
func scan(row *database.Row, others ...any) (order, error) { return scanner(others...)(row) }

func selected(o order, err error) (order, error) {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return order{}, errNotFound
	case err != nil:
		return order{}, fmt.Errorf("select order: %w", err)
	}
	return o, nil
}

// byID returns an order, whatever its status, or errNotFound.
func (s *store) byID(ctx context.Context, id int64) (order, error) {
	return selected(scan(s.db.QueryRow(ctx, `SELECT `+columns+` FROM orders WHERE id = $1`, id)))
}

// confirm is byID for an order that is reported as changed although this request did not change it.
func (s *store) confirm(ctx context.Context, id int64) (order, error) {
	return selected(scan(s.db.Confirm(ctx, `SELECT `+columns+` FROM orders WHERE id = $1`, id)))
}

// byKey returns the order that an account has created with an idempotency key, and the language of the answer, or
// errNotFound. The order is as durable as one that was just created.
func (s *store) byKey(ctx context.Context, creator int64, key string) (o order, language string, err error) {
	const query = `SELECT ` + columns + `, language FROM orders WHERE created_by = $1 AND idempotency_key = $2`
	o, err = scan(s.db.Confirm(ctx, query, creator, key), &language)
	o, err = selected(o, err)
	return o, language, err
}

// move changes the status of an order if it has a version, or any version for 0, if the caller may make the change, and
// reports whether it did. Exactly one of many concurrent calls succeeds.
func (s *store) move(ctx context.Context, m move, version int64, at time.Time) (o order, moved bool, err error) {
	const query = `
		UPDATE orders SET status = $1, changed_at = $2, changed_by = $3, changed_as = $4, note = $5, version = version + 1,
			cancelled_at = CASE WHEN $1 = 'cancelled' THEN $2 ELSE cancelled_at END
		WHERE id = $6 AND status IN ($7, $8) AND (CAST($9 AS BIGINT) = 0 OR version = $9) AND (CAST($10 AS BIGINT) = 0 OR user_id = $10)
		RETURNING ` + columns
	from := m.to.sources(m.caller.Role)
	if len(from) == 0 { // nothing leads to created
		return order{}, false, nil
	}
	owner := int64(0) // any
	if m.caller.Role == auth.Customer {
		owner = m.caller.UserID
	}
	o, err = scan(s.db.ExecRow(ctx, query, string(m.to), at.UnixMilli(), m.caller.UserID, string(m.caller.Role), string(m.note),
		m.id, string(from[0]), string(from[len(from)-1]), version, owner))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return order{}, false, nil
	case err != nil:
		return order{}, false, fmt.Errorf("update order: %w", err)
	}
	return o, true, nil
}
