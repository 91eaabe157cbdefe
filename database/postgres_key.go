package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A sequence falls behind its table if rows are restored or replicated without it: PostgreSQL then generates keys that
// are taken. Nothing but an operator can tell why, so it is never moved here.

// requireNewKeys compares the next key of each table with the highest one that is taken.
func (p *postgresServer) requireNewKeys(ctx context.Context, tables []Table) error {
	for _, table := range tables {
		if !table.Identity {
			continue
		}
		if err := p.requireNewKey(ctx, table.Name, table.Columns[0]); err != nil {
			return err
		}
	}
	return nil
}

func (p *postgresServer) requireNewKey(ctx context.Context, table, column string) error {
	var full, sequence string
	var increment int64
	const query = `
		SELECT format('%I.%I', nspname, relname), pg_get_serial_sequence($1::text, $2::text), seqincrement
		FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
		JOIN pg_sequence ON seqrelid = pg_get_serial_sequence($1::text, $2::text)::regclass
		WHERE pg_class.oid = $1::text::regclass`
	err := p.queryRow(ctx, query, []any{table, column}, []any{&full, &sequence, &increment})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // the keys do not come from a sequence that belongs to the column
	case err != nil:
		return err
	case increment != 1:
		return nil // several servers generate keys, each its own, and replicate the rows
	}
	// The sequence is read after the snapshot that the highest key is from, so no concurrent INSERT can hide it.
	var taken, next int64
	err = p.queryRow(ctx, "SELECT (SELECT coalesce(max("+column+"), 0) FROM "+table+"), last_value + is_called::int FROM "+sequence,
		nil, []any{&taken, &next})
	if isDenied(err) {
		return nil // to use a sequence does not need the right to read it
	}
	if err == nil && next <= taken {
		err = fmt.Errorf("%w: the next %s of %s would be %d, but %d is taken: %s",
			errKeyTaken, column, table, next, taken, advance(sequence, full, column))
	}
	return err
}

// advance says how an operator moves a sequence past the keys that are taken.
func advance(sequence, table, column string) string {
	return fmt.Sprintf("run SELECT setval('%s', (SELECT max(%s) FROM %s))", sequence, column, table)
}

// blameKey marks a unique violation by an INSERT if it is the generated key that is taken.
func (c postgresConn) blameKey(err error) error {
	const uniqueViolation = "23505"
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Code != uniqueViolation {
		return err
	}
	name := [2]string{e.SchemaName, e.ConstraintName}
	remedy, known := c.server.keys.Load(name)
	if !known {
		remedy, known = c.remedyOf(name)
		if known {
			c.server.keys.Store(name, remedy)
		}
	}
	if remedy == "" || !known {
		return err
	}
	return fmt.Errorf("%w: %s: %w", errKeyTaken, remedy, err)
}

// remedyOf returns what to do if the unique index with this name is violated, or "" if it is not that of a generated
// key. The catalog knows it; names and the texts of errors may differ.
func (c postgresConn) remedyOf(index [2]string) (remedy string, known bool) {
	const query = `
		SELECT format('%I.%I', nspname, relname), attname::text,
			coalesce(pg_get_serial_sequence(format('%I.%I', nspname, relname), attname), '')
		FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
		JOIN pg_class ON pg_class.oid = indrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
		WHERE indexrelid = to_regclass(format('%I.%I', $1::text, $2::text)) AND indnkeyatts = 1`
	var table, column, sequence string
	args, dest := []any{index[0], index[1]}, []any{&table, &column, &sequence}
	var err error
	if c.conn.PgConn().TxStatus() == 'I' {
		_, err = c.run(query, args, dest)
	} else { // a transaction that has failed: ask on another connection, if one is free
		ctx, cancel := context.WithTimeout(c.ctx, time.Second)
		defer cancel()
		err = c.server.queryRow(ctx, query, args, dest)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows): // an index over several columns
		return "", true
	case err != nil:
		return "", false
	case sequence != "":
		return advance(sequence, table, column), true
	case column == "id": // by the contract of Insert
		return "its sequence is behind the table " + table, true
	}
	return "", true
}
