package order

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// TestAnOrderThatIsCommittedWhileTheMigrationWaitsForItHasAnEvent is about the release before, which goes on creating
// orders meanwhile.
func TestAnOrderThatIsCommittedWhileTheMigrationWaitsForItHasAnEvent(t *testing.T) {
	for _, isolation := range []string{"", "&default_transaction_isolation=serializable"} {
		t.Run("with the default"+isolation, func(t *testing.T) {
			t.Parallel()
			url := databasetest.Postgres(t) + isolation
			db := databasetest.Open(t, url)
			require.NoError(t, db.Migrate(t.Context(), "order", before(t)))
			other, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			defer func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) }()
			_, err = other.Exec(t.Context(), `BEGIN; INSERT INTO orders (user_id, product, price, status, created_at) VALUES (7, 'product1', 1, 'created', 1)`)
			require.NoError(t, err)
			migrated := make(chan error)
			go func() { migrated <- Migrate(t.Context(), db) }()
			require.Eventually(t, func() bool { return waits(t, db) }, 3*time.Second, 5*time.Millisecond)
			_, err = other.Exec(t.Context(), "COMMIT")
			require.NoError(t, err)
			require.NoError(t, <-migrated)
			c := alone(t, db)
			require.Len(t, c.events(1), 1)
			require.Equal(t, "1 created 1", c.fed(10))
		})
	}
}

// waits reports whether somebody waits for a lock on the orders.
func waits(t *testing.T, db *database.DB) bool {
	var count int
	require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted`).Scan(&count))
	return count > 0
}
