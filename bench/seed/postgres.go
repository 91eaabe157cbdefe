package seed

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const postgresOrders = "INSERT INTO orders" + owned + "generate_series(1::bigint, $1::bigint) AS id"

// PostgresOrders creates the database name from template and inserts orders. server returns the URL of a database.
func PostgresOrders(ctx context.Context, server func(database string) string, template, name string, orders int) error {
	if err := PostgresCopy(ctx, server("postgres"), template, name); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server(name))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = fillTable(ctx, conn, "orders", postgresOrders, arguments(orders)...)
	var hasEvents bool
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT to_regclass('order_events') IS NOT NULL").Scan(&hasEvents)
	}
	if err == nil && hasEvents {
		err = fillTable(ctx, conn, "order_events", created)
	}
	if err != nil {
		return fmt.Errorf("seed %s: %w", name, err)
	}
	return nil
}

// fillTable runs a statement that inserts into a table, without its triggers and with its indexes built afterwards.
func fillTable(ctx context.Context, conn *pgx.Conn, table, insert string, args ...any) error {
	before := []string{"ALTER TABLE " + table + " DISABLE TRIGGER USER", "ALTER TABLE " + table + " DROP CONSTRAINT " + table + "_pkey"}
	after := []string{"ALTER TABLE " + table + " ADD PRIMARY KEY (id)"}
	rows, err := conn.Query(ctx, "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1::text AND indexname <> $1::text || '_pkey'", table)
	if err != nil {
		return err
	}
	var index, create string
	if _, err := pgx.ForEachRow(rows, []any{&index, &create}, func() error {
		before, after = append(before, "DROP INDEX "+index), append(after, create)
		return nil
	}); err != nil {
		return err
	}
	if err := execute(ctx, conn, before...); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, insert, args...); err != nil {
		return err
	}
	return execute(ctx, conn, append(after,
		"ALTER TABLE "+table+" ENABLE TRIGGER USER",
		"SELECT setval(pg_get_serial_sequence('"+table+"', 'id'), (SELECT max(id) FROM "+table+"))",
		"VACUUM (ANALYZE) "+table, // otherwise autovacuum would do it during a measurement
	)...)
}

func execAll(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return execute(ctx, conn, statements...)
}

func execute(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// PostgresEmpty creates a database without tables.
func PostgresEmpty(ctx context.Context, url, name string) error {
	return execAll(ctx, url, "CREATE DATABASE "+name)
}

// PostgresCopy creates the database name as a copy of template, which no service may have open.
func PostgresCopy(ctx context.Context, url, template, name string) error {
	return execAll(ctx, url, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template))
}

// CopyUsers copies the users of the SQLite file at path to PostgreSQL, since hashing all passwords again would take longer
// than everything else, and the issuer of its tokens, so that they are good there. No service may run on either.
func CopyUsers(ctx context.Context, path, url string) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	const columns = "id, username, username_key, email, password_hash, created_at"
	rows, err := db.QueryContext(ctx, "SELECT "+columns+" FROM users")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for rows.Next() {
		var id, createdAt int64
		var name, key, email, hash string
		if err := rows.Scan(&id, &name, &key, &email, &hash, &createdAt); err != nil {
			return err
		}
		const insert = "INSERT INTO users (" + columns + ") VALUES ($1, $2, $3, $4, $5, $6)"
		if _, err := conn.Exec(ctx, insert, id, name, key, email, hash, createdAt); err != nil {
			return fmt.Errorf("copy user %d: %w", id, err)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users))"); err != nil {
		return err
	}
	var issuer string
	if err := db.QueryRowContext(ctx, "SELECT issuer FROM token_issuer").Scan(&issuer); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "UPDATE token_issuer SET issuer = $1", issuer)
	return err
}
