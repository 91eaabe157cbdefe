package database_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
)

func TestConfirmReadsARow(t *testing.T) {
	eachWithTasks(t, func(t *testing.T, db *database.DB) {
		id, err := insertTask(t.Context(), db, "a")
		require.NoError(t, err)
		const query = "SELECT id FROM tasks WHERE name = $1"
		var found int64
		require.NoError(t, db.Confirm(t.Context(), query, "a").Scan(&found))
		require.Equal(t, id, found)
		require.ErrorIs(t, db.Confirm(t.Context(), query, "b").Scan(&found), sql.ErrNoRows)
		require.Error(t, db.Confirm(t.Context(), "SELECT id FROM nowhere").Scan(&found))

		t.Run("and on PostgreSQL its commit is written, so that it waits for the standby", func(t *testing.T) {
			var locked int64
			if db.QueryRow(t.Context(), "SELECT xmax::text::bigint FROM tasks").Scan(&locked) != nil {
				t.Skip("SQLite has no standby")
			}
			require.Positive(t, locked)
		})
	})
}
