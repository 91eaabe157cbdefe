package seed

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"userorder/bench/work"
)

// The index is built after the rows are inserted, which is faster.
var postgresOrders = []string{
	"ALTER TABLE orders DROP CONSTRAINT orders_pkey",
	`INSERT INTO orders (id, user_id, product, price, status, created_at)
		SELECT id, 1 + id % $2, 'product1', 10000, 'created', 1767323045678 FROM generate_series(1::bigint, $1::bigint) AS id`,
	"ALTER TABLE orders ADD PRIMARY KEY (id)",
	"SELECT setval(pg_get_serial_sequence('orders', 'id'), $1)",
	"VACUUM (ANALYZE) orders", // otherwise autovacuum would do it during a measurement
}

// PostgresOrders creates the database name from template and inserts orders. server returns the URL of a database.
func PostgresOrders(ctx context.Context, server func(database string) string, template, name string, orders int) error {
	if err := execAll(ctx, server("postgres"), fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server(name))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range postgresOrders {
		var args []any
		if strings.Contains(statement, "$1") {
			args = append(args, orders)
		}
		if strings.Contains(statement, "$2") {
			args = append(args, work.Users)
		}
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			return fmt.Errorf("seed %s: %w", name, err)
		}
	}
	return nil
}

func execAll(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
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
