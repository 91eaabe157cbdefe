package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// An index that is sorted by a library's collation loses rows when the library is upgraded.
func TestEveryTextInAnIndexIsComparedAsBytes(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	for _, m := range modules() {
		require.NoError(t, m.migrate(t.Context(), db))
	}
	type column struct{ name, ofColumn, ofIndex string }
	columns, err := database.Collect(t.Context(), db, func(row *database.Row) (c column, err error) {
		return c, row.Scan(&c.name, &c.ofColumn, &c.ofIndex)
	}, `
		SELECT relname || '.' || attname, of_column.collname, of_index.collname
		FROM pg_index JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = current_schema()::regnamespace
		CROSS JOIN LATERAL unnest(indkey::int2[], indcollation::oid[]) AS part(attribute, index_collation)
		JOIN pg_attribute ON attrelid = indrelid AND attnum = attribute
		JOIN pg_collation AS of_column ON of_column.oid = attcollation
		JOIN pg_collation AS of_index ON of_index.oid = index_collation
		WHERE indisvalid ORDER BY 1 LIMIT 100`)
	require.NoError(t, err)
	require.Equal(t, []column{
		{"login_addresses.address_hash", "C", "C"}, {"login_failures.name_hash", "C", "C"}, {"orders.idempotency_key", "C", "C"},
		{"orders.status", "default", "default"}, // five words that every collation sorts alike
		{"password_resets.token_hash", "C", "C"},
		{"schema_compatibility.module", "C", "C"}, {"users.username_key", "C", "C"}, {"webhooks.digest", "C", "C"},
	}, columns)
	var expressions int // whose text the query above does not see
	require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
		WHERE relnamespace = current_schema()::regnamespace AND indexprs IS NOT NULL`).Scan(&expressions))
	require.Zero(t, expressions)
}
