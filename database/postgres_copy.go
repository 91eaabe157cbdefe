package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// postgresCopy implements what Copy needs of PostgreSQL.
type postgresCopy struct {
	*postgresServer
}

func (p *postgresServer) copier() copier { return postgresCopy{p} }

func (*postgresServer) backup(context.Context, string) error { return errServerBackup }

func (c postgresCopy) pool() *sql.DB { return c.db }

func (c postgresCopy) isMigrated(ctx context.Context) (migrated bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'goose\_%')`
	err = c.db.QueryRowContext(ctx, query).Scan(&migrated)
	return migrated, err
}

func (c postgresCopy) hasTable(ctx context.Context, name string) (exists bool, err error) {
	err = c.db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists)
	return exists, err
}

func (c postgresCopy) lastID(ctx context.Context, table Table) (id int64, err error) {
	const query = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0)"
	err = c.db.QueryRowContext(ctx, query, table.Name, table.Columns[0]).Scan(&id)
	return id, err
}

func (c postgresCopy) setLastID(ctx context.Context, table Table, id int64) error {
	const query = "SELECT setval(pg_get_serial_sequence($1, $2), greatest($3::bigint, 1), $3::bigint > 0)"
	_, err := c.db.ExecContext(ctx, query, table.Name, table.Columns[0], id)
	return err
}

// lockCopy takes an advisory lock for the schema, which ends with its connection.
func (c postgresCopy) lockCopy(ctx context.Context) (unlock func(), err error) {
	conn, err := c.db.Conn(ctx)
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
		// The server notices some time after it that a connection is closed, and another copy may follow at once.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		_, _ = conn.ExecContext(ctx, "SELECT pg_advisory_unlock_all()")
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection, which releases the lock for sure
		_ = conn.Close()
	}, nil
}
