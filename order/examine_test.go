package order

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/webhook"
)

func TestGrowthIsTheNumberOfOrdersSinceATime(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		alone(t, db)
		since := time.UnixMilli(1_000_000)
		g, err := ReadGrowth(t.Context(), db, since)
		require.NoError(t, err)
		require.Zero(t, g)
		for n := range int64(40) {
			_, err := db.Exec(t.Context(), `INSERT INTO orders (user_id, product, price, status, created_at) VALUES (1, 'p', 1, 'created', $1)`,
				1_000_000+(n-25)*1000)
			require.NoError(t, err)
		}
		g, err = ReadGrowth(t.Context(), db, since)
		require.NoError(t, err)
		require.Equal(t, Growth{All: 40, Since: 15, Newest: time.UnixMilli(1_014_000)}, g)
		_, err = db.Exec(t.Context(), `DELETE FROM orders WHERE id IN (1, 2, 20, 25, 39)`)
		require.NoError(t, err)
		for since, want := range map[int64]int64{0: 40, 1_000_000: 15, 1_014_000: 1, 2_000_000: 0} { // at most
			g, err = ReadGrowth(t.Context(), db, time.UnixMilli(since))
			require.NoError(t, err)
			require.InDelta(t, want, g.Since, 2, since)
			require.GreaterOrEqual(t, g.Since, want-2)
		}
		newest, err := Newest(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, time.UnixMilli(1_014_000), newest)
	})
}

func TestABacklogIsReadWithoutAChange(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		to, err := webhook.ParseURL("http://127.0.0.1:1/hook")
		require.NoError(t, err)
		c := alone(t, db)
		_, err = ReadBacklog(t.Context(), db, to)
		require.ErrorIs(t, err, sql.ErrNoRows)
		secret, err := webhook.ParseSecret(webhookSecret)
		require.NoError(t, err)
		mounted(t, Config{DB: db, Webhooks: Webhooks{Endpoints: []webhook.Endpoint{to}, Client: webhook.NewClient(secret)}}, discard)
		b, err := ReadBacklog(t.Context(), db, to)
		require.NoError(t, err)
		require.Zero(t, b)
		require.Contains(t, c.as(1, "POST /order/create", `{"product":"p","price":1}`).Body.String(), `"code":0`)
		b, err = ReadBacklog(t.Context(), db, to)
		require.NoError(t, err)
		require.EqualValues(t, 1, b.Waiting)
		require.WithinDuration(t, time.Now(), b.Oldest, time.Minute)
	})
}
