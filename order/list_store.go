package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"userorder/database"
)

// The lists. Each is read backwards along an index from the id $2. For a user, or a status, of which there are very many,
// PostgreSQL may choose the primary key and leave out the others, which is as fast unless the last ones are long ago.
const (
	listAll = `SELECT ` + columns + ` FROM orders WHERE id < $1 ORDER BY id DESC LIMIT $2`

	ofUser   = ` FROM orders WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT `
	listUser = `SELECT ` + columns + ofUser + `$3`

	listStatus = `SELECT ` + columns + ` FROM orders WHERE status = $1 AND id < $2 ORDER BY id DESC LIMIT $3`

	// The orders of a user with one status are looked for among 2,000 of the user's.
	listUserStatus = `SELECT ` + columns + ` FROM (SELECT * ` + ofUser + `2000) AS latest WHERE status = $3 ORDER BY id DESC LIMIT $4`
	lastOf2000     = `SELECT id` + ofUser + `1 OFFSET 1999`
)

// list returns a page of up to limit orders whose ids are less than before, the newest first.
func (s *store) list(ctx context.Context, f filter, before int64, limit int) (page, error) {
	query, args := f.statement(before)
	orders, err := database.Collect(ctx, s.db, scanner(), query, append(args, limit+1)...)
	switch {
	case err != nil:
		return page{}, fmt.Errorf("select orders: %w", err)
	case len(orders) > limit:
		return page{orders[:limit], orders[limit-1].ID}, nil
	case f.owner == everybody || f.status == "":
		return page{orders, 0}, nil
	}
	next, err := s.unseen(ctx, f, before)
	return page{orders, next}, err
}

// statement returns the query of the filter and the arguments before the limit.
func (f filter) statement(before int64) (query string, args []any) {
	switch {
	case f.owner == everybody && f.status == "":
		return listAll, []any{before}
	case f.owner == everybody:
		return listStatus, []any{string(f.status), before}
	case f.status == "":
		return listUser, []any{int64(f.owner), before}
	}
	return listUserStatus, []any{int64(f.owner), before, string(f.status)}
}

// unseen returns the id at which a search among a user's orders has ended although there may be more, or 0.
func (s *store) unseen(ctx context.Context, f filter, before int64) (id int64, err error) {
	err = s.db.QueryRow(ctx, lastOf2000, int64(f.owner), before).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("select orders: %w", err)
	}
	return id, nil
}
