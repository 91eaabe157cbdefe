package user

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func TestTheNewestAccountTellsTheTimeOfADatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		alone(t, db)
		newest, err := Newest(t.Context(), db)
		require.NoError(t, err)
		require.Zero(t, newest)
		_, err = db.Exec(t.Context(), `INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES ('a', 'a', '', '', 1000)`)
		require.NoError(t, err)
		newest, err = Newest(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, time.UnixMilli(1000), newest)
	})
}
