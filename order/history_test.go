package order

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func TestHistory(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.UnixMilli(1_795_000_000_000)
		c := mounted(t, Config{DB: db, Now: func() time.Time { now = now.Add(time.Second); return now }}, discard)
		require.Equal(t, "0", code(c.as(7, createLine, body)))
		require.Equal(t, "0", code(c.as(staff, "POST /order/status/1", `{"status":"paid","note":"by bank\n\"7\""}`)))
		require.Equal(t, "0", code(c.as(7, "DELETE /order/cancel/1", "")))
		const want = `{"code":0,"msg":"查询成功","data":{"events":[` +
			`{"id":"1","type":"order.created","at":"2026-11-18T11:06:41.000Z","by":"customer","userid":"7","note":""},` +
			`{"id":"2","type":"order.paid","at":"2026-11-18T11:06:42.000Z","by":"staff","userid":"99","note":"by bank\n\"7\""},` +
			`{"id":"3","type":"order.cancelled","at":"2026-11-18T11:06:43.000Z","by":"customer","userid":"7","note":""}]}}` + "\n"
		require.Equal(t, want, c.as(7, "GET /order/history/1", "").Body.String(), "the owner sees it, although the order is cancelled") //nolint:testifylint // JSONEq is too weak for that
		require.Equal(t, want, c.as(staff, "GET /order/history/1", "").Body.String())                                                   //nolint:testifylint // as above
		require.Equal(t, "403", code(c.as(8, "GET /order/history/1", "")))
		require.JSONEq(t, notFound, c.as(7, "GET /order/history/2", "").Body.String())
		for _, path := range []string{"", "/", "/0", "/x"} {
			require.Equal(t, "400", code(c.as(7, "GET /order/history"+path, "")), path)
		}
	})
}

type fed struct {
	Events []struct {
		ID, Type, At, By, UserID, Note string
		Order                          struct {
			ID, UserID, Product, Status string
			CreatedAt                   string `json:"created_at"`
			UpdatedAt                   string `json:"updated_at"`
			Version                     int
			Metadata                    map[string]string
		}
	}
	Next string
}

// fed returns all events of the feed as "order status version", in pages of a size.
func (c client) fed(limit int) (events string) {
	var all []string
	for after := "0"; ; {
		page := decoded[fed](c.t, c.as(staff, fmt.Sprintf("GET /order/events?after=%s&limit=%d", after, limit), ""))
		if len(page.Events) == 0 {
			require.Equal(c.t, after, page.Next, "next is where it was")
			return strings.Join(all, ", ")
		}
		for _, e := range page.Events {
			all = append(all, fmt.Sprint(e.Order.ID, " ", e.Order.Status, " ", e.Order.Version))
			require.Equal(c.t, "order."+e.Order.Status, e.Type)
			require.Equal(c.t, e.At, e.Order.UpdatedAt)
			require.Equal(c.t, "product1", e.Order.Product)
		}
		after = page.Events[len(page.Events)-1].ID
		require.Equal(c.t, after, page.Next)
	}
}

func TestTheFeedHasAllEventsWithTheOrdersAsTheyWere(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"events":[],"next":"0"}}`, c.as(staff, "GET /order/events", "").Body.String())
		c.made("paid", "shipped")
		require.Equal(t, "0", code(c.as(8, createLine, `{"product":"product1","price":1,"metadata":{"size":"M"}}`)))
		require.Equal(t, "0", code(c.as(7, "POST /order/status/1", `{"status":"completed"}`)))
		const want = "1 created 1, 1 paid 2, 1 shipped 3, 2 created 1, 1 completed 4"
		for limit := 1; limit <= 6; limit++ {
			require.Equal(t, want, c.fed(limit))
		}
		page := decoded[fed](t, c.as(staff, "GET /order/events?after=3&limit=1", ""))
		require.Equal(t, map[string]string{"size": "M"}, page.Events[0].Order.Metadata)
		require.Equal(t, "8", page.Events[0].Order.UserID)
	})
}

func TestWhatIsWrongWithAFeed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for _, query := range []string{"after=-1", "after=x", "after=", "after=00", "after=1&after=2", "limit=0", "limit=101"} {
			require.Equal(t, "400", code(c.as(staff, "GET /order/events?"+query, "")), query)
		}
		require.Equal(t, "403", code(c.as(7, "GET /order/events", "")))
		require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"events":[],"next":"9223372036854775807"}}`,
			c.as(staff, "GET /order/events?after=9223372036854775807", "").Body.String())
	})
}

// TestOrdersFromBeforeThereWereEvents has rows as the release before has left them.
func TestOrdersFromBeforeThereWereEvents(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.Migrate(t.Context(), "order", before(t)))
		const insert = `INSERT INTO orders (user_id, product, price, status, created_at, cancelled_at) VALUES (7, 'product1', 1, $1, 1795000000000, $2)`
		for _, status := range []string{"created", "cancelled", "created", "cancelled"} {
			cancelledAt := any(nil)
			if status == "cancelled" {
				cancelledAt = 1_795_000_001_000
			}
			_, err := db.Exec(t.Context(), insert, status, cancelledAt)
			require.NoError(t, err)
		}
		c := alone(t, db)
		require.Equal(t, "0", code(c.set(staff, 1, "paid")))
		require.Equal(t, "0", code(c.as(7, "DELETE /order/cancel/3", "")))
		c.made()
		const want = "1 created 1, 2 created 1, 2 cancelled 2, 3 created 1, 4 created 1, 4 cancelled 2, 1 paid 2, 3 cancelled 2, 5 created 1"
		for limit := 1; limit <= 10; limit++ {
			require.Equal(t, want, c.fed(limit), limit)
		}
		require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"events":[`+
			`{"id":"3","type":"order.created","at":"2026-11-18T11:06:40.000Z","by":"customer","userid":"7","note":""},`+
			`{"id":"4","type":"order.cancelled","at":"2026-11-18T11:06:41.000Z","by":"customer","userid":"7","note":""}]}}`,
			c.as(7, "GET /order/history/2", "").Body.String())
		require.Len(t, c.events(1), 2)
		require.Len(t, c.events(3), 2)
		w := c.as(staff, "GET /order/query/2", "")
		require.Equal(t, `"2"`, w.Header().Get("ETag"))
		require.Contains(t, w.Body.String(), `"updated_at":"2026-11-18T11:06:41.000Z","version":2}`)
	})
}

func TestChangesThatKnowNothingOfVersionsAreRecorded(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for _, statement := range []string{ // the first two as the release before writes them
			`INSERT INTO orders (user_id, product, price, status, created_at) VALUES (7, 'product1', 1, 'created', 1795000000000)`,
			`UPDATE orders SET status = 'cancelled', cancelled_at = 1795000001000 WHERE id = 1 AND user_id = 7 AND status = 'created'`,
			`INSERT INTO orders (user_id, product, price, status, created_at) VALUES (7, 'product1', 1, 'created', 1795000000000)`,
			`UPDATE orders SET status = 'paid' WHERE id = 2`,
			`UPDATE orders SET status = 'cancelled' WHERE id = 2`,
			`UPDATE orders SET product = 'product1' WHERE id = 2`, // is no event
		} {
			rows, err := db.Exec(t.Context(), statement)
			require.NoError(t, err)
			require.EqualValues(t, 1, rows)
		}
		require.Equal(t, "1 created 1, 1 cancelled 2, 2 created 1, 2 paid 2, 2 cancelled 3", c.fed(100))
		require.Equal(t, map[string]string{
			"id": "2", "type": "order.cancelled", "at": "2026-11-18T11:06:41.000Z", "by": "customer", "userid": "7", "note": "",
		}, c.events(1)[1])
		paid := c.events(2)[1]
		require.Equal(t, "system", paid["by"])
		require.NotContains(t, paid, "userid")
		at, err := time.Parse(time.RFC3339, paid["at"])
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
	})
}

// before returns the migrations of the release before there were events.
func before(t *testing.T) fstest.MapFS {
	files := fstest.MapFS{}
	for _, engine := range []string{"sqlite", "postgres"} {
		name := "migrations/0001_create_orders." + engine + ".sql"
		text, err := migrations.ReadFile(name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}
