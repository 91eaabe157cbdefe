package order

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func TestParseExpiry(t *testing.T) {
	for text, want := range map[string]time.Duration{"off": 0, "1m": time.Minute, "48h": 48 * time.Hour} {
		expiry, err := ParseExpiry(text)
		require.NoError(t, err)
		require.Equal(t, want, expiry)
	}
	for _, text := range []string{"", "0", "59s", "-1h", "2d", "on"} {
		_, err := ParseExpiry(text)
		require.ErrorContains(t, err, "must be off or", text)
	}
}

func TestOrdersThatNobodyPaysExpire(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.UnixMilli(1_795_000_000_000)
		c := mounted(t, Config{DB: db, Expiry: time.Hour, Now: func() time.Time { return now }}, discard)
		expire := c.module.Jobs()[0].Do
		c.made()       // 1
		c.made("paid") // 2
		now = now.Add(time.Minute)
		c.made() // 3
		now = now.Add(time.Hour - time.Minute)
		more, err := expire(t.Context())
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, c.events(1), 1, "it is not older than an hour")

		now = now.Add(time.Millisecond)
		_, err = expire(t.Context())
		require.NoError(t, err)
		events := c.events(1)
		require.Equal(t, map[string]string{
			"id": "5", "type": "order.cancelled", "at": "2026-11-18T12:06:40.001Z", "by": "system", "note": "",
		}, events[1])
		require.JSONEq(t, notFound, c.as(7, "GET /order/query/1", "").Body.String())
		require.Len(t, c.events(2), 2)
		require.Len(t, c.events(3), 1)
	})
}

func TestExpiredOrdersAreCancelledInPiecesAndNoneTwice(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.Now()
		c := mounted(t, Config{DB: db, Expiry: time.Hour, Now: func() time.Time { return now }}, discard)
		const orders = 2*expiryPiece + 1
		for range orders {
			_, err := c.module.handler.service.create(t.Context(), plainDraft(7))
			require.NoError(t, err)
		}
		now = now.Add(2 * time.Hour)
		more, err := c.module.Jobs()[0].Do(t.Context())
		require.NoError(t, err)
		require.True(t, more)
		var group sync.WaitGroup
		for range 2 { // replicas
			group.Go(func() {
				for {
					more, err := c.module.Jobs()[0].Do(t.Context())
					if err != nil {
						t.Error(err)
					}
					if !more {
						return
					}
				}
			})
		}
		group.Wait()
		_, err = c.module.Jobs()[0].Do(t.Context())
		require.NoError(t, err)
		var cancelled, events int
		require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM orders WHERE status = 'cancelled' AND version = 2`).Scan(&cancelled))
		require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM order_events WHERE status = 'cancelled'`).Scan(&events))
		require.Equal(t, fmt.Sprint(orders, orders), fmt.Sprint(cancelled, events))
	})
}

func TestNothingExpiresUnlessItIsAskedFor(t *testing.T) {
	for _, job := range alone(t, databasetest.Open(t, databasetest.SQLite(t))).module.Jobs() {
		require.NotEqual(t, "order_expiry", job.Name)
	}
}
