package database

import (
	"context"
	"fmt"
	"time"
)

func (p *postgresServer) condition(ctx context.Context) (c Condition, err error) {
	const query = `
		SELECT current_setting('server_version_num')::bigint / 10000, pg_encoding_to_char(encoding) || ', collation ' || datcollate,
			pg_database_size(oid), (extract(epoch FROM clock_timestamp()) * 1000)::bigint
		FROM pg_database WHERE datname = current_database()`
	var major, clock int64
	before := time.Now()
	if err := p.queryRow(ctx, query, nil, []any{&major, &c.Text, &c.Size, &clock}); err != nil {
		return c, err
	}
	after := time.Now()
	c.Engine, c.Major, c.Free = PostgreSQL, int(major), -1
	switch at := time.UnixMilli(clock); { // rounded; the server has looked at some time between before and after
	case at.Before(before.Add(-time.Millisecond)):
		c.Ahead = at.Sub(before)
	case at.After(after.Add(time.Millisecond)):
		c.Ahead = at.Sub(after)
	}
	c.Recollated, err = p.recollated(ctx, major)
	return c, err
}

// recollated compares the version of the default collation with that when the database was made. Servers before 15 do not
// keep it.
func (p *postgresServer) recollated(ctx context.Context, major int64) (changed bool, err error) {
	const query = `
		SELECT coalesce(datcollversion <> pg_database_collation_actual_version(oid), false)::int::bigint
		FROM pg_database WHERE datname = current_database()`
	if major < 15 {
		return false, nil
	}
	var differs int64
	err = p.queryRow(ctx, query, nil, []any{&differs})
	return differs != 0, err
}

func (p *postgresServer) verify(ctx context.Context) (damage []Damage, complete bool, err error) {
	const indexes = `
		SELECT coalesce(string_agg(indexrelid::regclass::text, ', '), '') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
		WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace`
	const pages = `
		SELECT coalesce((to_jsonb(d) ->> 'checksum_failures')::bigint, 0) FROM pg_stat_database AS d WHERE datname = current_database()`
	var invalid string
	var failures int64
	if err := p.queryRow(ctx, indexes, nil, []any{&invalid}); err != nil {
		return nil, false, err
	}
	if err := p.queryRow(ctx, pages, nil, []any{&failures}); err != nil {
		return nil, false, err
	}
	if invalid != "" {
		damage = append(damage, Damage{"indexes that are not valid: " + invalid, "run REINDEX INDEX for each"})
	}
	if failures > 0 {
		damage = append(damage, Damage{fmt.Sprintf("pages whose checksum is wrong: %d", failures), "restore a backup on another disk"})
	}
	return damage, true, nil
}
