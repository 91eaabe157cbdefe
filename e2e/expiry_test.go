//go:build unix

package e2e

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// ageOrders sets the time of creation of all orders back by two minutes, and adds count orders of the same user and age.
func ageOrders(t *testing.T, url string, count int) {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := database.SQLitePath(url); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(`UPDATE orders SET created_at = created_at - 120000`)
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO orders (user_id, product, price, status, created_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		SELECT o.user_id, 'forgotten', 100, 'created', o.created_at FROM n, orders AS o WHERE o.product = 'old'`, count)
	require.NoError(t, err)
}

// A minute is the shortest time there is. On SQLite the service starts with orders that are older, on PostgreSQL they grow
// older beside two replicas.
func TestOrdersThatNobodyPaysExpireOnce(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		settings := []string{"DATABASE_URL=" + url, "ORDER_EXPIRY=1m"}
		p := start(t, dir, settings...)
		bases := []string{p.url(t)}
		owner, staff := login(t, bases[0]), clerk(t, bases[0], url)
		ids := map[string]string{}
		order := func(product string) {
			answer := create(bases[0], owner, product)
			require.True(t, answer.ok(), answer.body)
			ids[product] = answer.Data.ID
		}
		for _, product := range []string{"old", "old and paid", "old and shipped", "old and cancelled"} {
			order(product)
		}
		require.True(t, moveOn(bases[0], staff, ids["old and paid"], "paid").ok())
		require.True(t, moveOn(bases[0], staff, ids["old and shipped"], "paid").ok())
		require.True(t, moveOn(bases[0], staff, ids["old and shipped"], "shipped").ok())
		require.True(t, moveOn(bases[0], owner, ids["old and cancelled"], "cancelled").ok())

		const forgotten = 450 // some pieces of the job
		_, file := database.SQLitePath(url)
		if file {
			p.stop(t)
		} else {
			bases = append(bases, start(t, t.TempDir(), settings...).url(t))
		}
		ageOrders(t, url, forgotten)
		aged := time.Now()
		if file {
			p = start(t, dir, settings...)
			bases[0] = p.url(t)
		}
		order("young")
		require.Eventually(t, func() bool {
			answer := send("GET", bases[0]+"/order/list?userid=all&status=created&limit=2", staff, "")
			page, err := dataOf[struct{ Orders []placed }](answer)
			return err == nil && len(page.Orders) == 1 && page.Orders[0].Product == "young"
		}, 15*time.Second-time.Since(aged), 50*time.Millisecond, "orders are still created")
		t.Logf("%d orders expired within %v", forgotten+1, time.Since(aged))

		cancelled := listed(t, bases[len(bases)-1], staff, "&userid=all&status=cancelled")
		require.Len(t, cancelled, forgotten+2)
		for _, o := range cancelled {
			events := historyOf(t, bases[0], owner, o.ID)
			require.Len(t, events, 2)
			require.Equal(t, []string{"order.created", "order.cancelled"}, []string{events[0].Type, events[1].Type})
			if o.Product != "old and cancelled" {
				require.Equal(t, []string{"system", "", ""}, []string{events[1].By, events[1].UserID, events[1].Note})
			}
			require.Equal(t, "订单不存在", send("GET", bases[0]+"/order/query/"+o.ID, owner, "").Msg)
		}
		for product, status := range map[string]string{"young": "created", "old and paid": "paid", "old and shipped": "shipped"} {
			require.Equal(t, status, send("GET", bases[0]+"/order/query/"+ids[product], owner, "").Data.Status)
		}
		all := follower{token: staff}
		all.catchUp(t, bases[0])
		all.requireInOrder(t)
		require.Len(t, all.events, 5+1+2+1+forgotten+forgotten+1)
	})
}
