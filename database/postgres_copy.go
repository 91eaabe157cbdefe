package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// What Copy needs of PostgreSQL.

func (p *postgresServer) pool() *sql.DB { return p.db }

func (p *postgresServer) hasTable(ctx context.Context, name string) (there bool, err error) {
	err = p.db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
	return there, err
}

func (p *postgresServer) lastID(ctx context.Context, table Table) (id int64, err error) {
	const query = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0)"
	err = p.db.QueryRowContext(ctx, query, table.Name, table.Columns[0]).Scan(&id)
	return id, err
}

func (p *postgresServer) setLastID(ctx context.Context, table Table, id int64) error {
	const query = "SELECT setval(pg_get_serial_sequence($1, $2), greatest($3::bigint, 1), $3::bigint > 0)"
	_, err := p.db.ExecContext(ctx, query, table.Name, table.Columns[0], id)
	return err
}

// lockCopy takes a lock that belongs to the schema and goes with its connection.
func (p *postgresServer) lockCopy(ctx context.Context) (unlock func(), err error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var locked bool
	err = conn.QueryRowContext(ctx,
		"SELECT pg_try_advisory_lock(hashtextextended('userorder copy to ' || current_schema(), 0))").Scan(&locked)
	if err == nil && !locked {
		err = errCopying
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it, and so gives up the lock
		_ = conn.Close()
	}, nil
}
