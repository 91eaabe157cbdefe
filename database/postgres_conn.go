package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errUnread means that a statement has run, but that its row does not fit the destinations.
var errUnread = fmt.Errorf("%w: read a row", errMisuse)

// postgresConn runs statements on a connection until ctx ends, in a transaction if one is open.
type postgresConn struct {
	ctx    context.Context
	conn   *pgx.Conn
	server *postgresServer
}

// run uses Query for statements without a result, too: pgx's Exec would accept several of them in one text.
func (c postgresConn) run(query string, args, dest []any) (rows int64, err error) {
	result, err := c.conn.Query(c.ctx, query, args...)
	if err != nil {
		return 0, c.blame(err)
	}
	if dest != nil {
		err = firstRow(result, dest)
	}
	result.Close()
	if err == nil {
		err = result.Err() // such as a deferred constraint, which fails after the row
	}
	return result.CommandTag().RowsAffected(), c.blame(err)
}

// firstRow copies the first row of the result into dest.
func firstRow(result pgx.Rows, dest []any) error {
	if !result.Next() {
		if err := result.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := result.Scan(dest...); err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return nil
}

func (c postgresConn) insert(query string, args []any) (id int64, err error) {
	_, err = c.run(query+" RETURNING id", args, []any{&id})
	return id, c.blameKey(err)
}

func (c postgresConn) each(query string, args []any, row rowFunc) error {
	result, err := c.conn.Query(c.ctx, query, args...)
	if err != nil {
		return c.blame(err)
	}
	defer result.Close()
	scan := func(dest []any) error {
		if err := result.Scan(dest...); err != nil {
			return fmt.Errorf("%w: %w", errUnread, err)
		}
		return nil
	}
	for result.Next() {
		if err := row(scan); err != nil {
			return err
		}
	}
	return c.blame(result.Err())
}

// blame marks errors that are our own mistakes, such as a wrong number of arguments or one that cannot be encoded. pgx
// has no types for them. But every other failure is reported by the server, is the end of a context, or costs the
// connection, so what is none of these was found by pgx before it sent anything.
func (c postgresConn) blame(err error) error {
	if err == nil || errors.Is(err, errMisuse) || errors.Is(err, sql.ErrNoRows) || isContextError(err) || isLost(err) || c.conn.IsClosed() {
		return err
	}
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", errMisuse, err)
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
