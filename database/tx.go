package database

import (
	"context"
	"fmt"
)

// maxRows bounds the result of Collect and CollectTx.
const maxRows = 1000

// Collect runs a query that never writes and returns what read makes of each of its rows, in their order. The query
// should be bounded by LIMIT: more than 1,000 rows are an error. Collect blocks, retries and fails as QueryRow does, but
// no rows are no error. An error of read is returned as it is.
//
// Read must call Scan of its Row once and do little else: it holds a connection. It must not keep the Row.
func Collect[T any](ctx context.Context, db *DB, read func(*Row) (T, error), query string, args ...any) ([]T, error) {
	var c collector[T]
	err := db.engine.each(ctx, query, args, c.begin, c.row(read))
	return c.result(err)
}

// CollectTx is Collect in a transaction. The statement may write and return its rows by RETURNING.
func CollectTx[T any](tx *Tx, read func(*Row) (T, error), query string, args ...any) ([]T, error) {
	var c collector[T]
	return c.result(tx.runner.each(query, args, c.row(read)))
}

// rowFunc is called for each row of a result.
type rowFunc = func(scan func(dest []any) error) error

// collector gathers the rows of a Collect.
type collector[T any] struct {
	list   []T
	failed error // of read
}

// begin forgets the rows of a try that failed.
func (c *collector[T]) begin() { c.list, c.failed = nil, nil }

func (c *collector[T]) row(read func(*Row) (T, error)) rowFunc {
	one := new(Row)
	return func(scan func(dest []any) error) error {
		if len(c.list) == maxRows {
			return fmt.Errorf("%w: more than %d rows", errMisuse, maxRows)
		}
		one.scan = scan
		item, err := read(one)
		if err != nil {
			c.failed = err
			return err
		}
		if c.list == nil {
			c.list = make([]T, 0, 24) // most lists are a page of 20, and one more
		}
		c.list = append(c.list, item)
		return nil
	}
}

func (c *collector[T]) result(err error) ([]T, error) {
	switch {
	case c.failed != nil: // not classified: it may be the caller's own
		return nil, c.failed
	case err != nil:
		return nil, classify(err)
	}
	return c.list, nil
}

// Tx runs the statements of one Write. It must not be used after the function that received it has returned.
//
// Its methods take no context. On SQLite a statement of a group must not be cancelled: an interrupted INSERT, UPDATE or
// DELETE rolls back the whole transaction, other callers' changes included (https://www.sqlite.org/c3ref/interrupt.html).
type Tx struct {
	runner runner
}

// runner runs statements in a transaction.
type runner interface {
	run(query string, args, dest []any) (rows int64, err error) // dest is nil if there are no rows
	insert(query string, args []any) (id int64, err error)
	each(query string, args []any, row rowFunc) error
}

// Exec runs a statement and returns the number of rows that it inserted, updated or deleted.
func (tx *Tx) Exec(query string, args ...any) (rows int64, err error) {
	rows, err = tx.runner.run(query, args, nil)
	return rows, classify(err)
}

// Insert runs an INSERT of one row and returns the key that the database generated in the column id, or sql.ErrNoRows if
// ON CONFLICT DO NOTHING skipped the row.
func (tx *Tx) Insert(query string, args ...any) (id int64, err error) {
	id, err = tx.runner.insert(query, args)
	return id, classify(err)
}

// QueryRow prepares a statement that returns at most one row. Scan runs it.
func (tx *Tx) QueryRow(query string, args ...any) *Row {
	return &Row{scan: func(dest []any) error {
		_, err := tx.runner.run(query, args, dest)
		return err
	}}
}

// Row is one row of a result.
type Row struct {
	scan func(dest []any) error
}

// Scan runs the statement of a QueryRow or ExecRow and copies the columns of the row into dest. It must be called
// exactly once. It returns sql.ErrNoRows if there is no row. A destination is a *int64, a *int, a *string or a
// sql.Scanner; a column of another type, NULL included, is an error.
func (r *Row) Scan(dest ...any) error {
	return classify(r.scan(dest))
}
