package order

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// decoded returns the data of a successful response.
func decoded[T any](t testing.TB, w *httptest.ResponseRecorder) (data T) {
	var answer struct {
		Code int
		Data *T
	}
	answer.Data = &data
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body)
	require.Zero(t, answer.Code, w.Body)
	return data
}

type listed struct {
	Orders []struct{ ID, UserID, Status string }
	Next   string
}

// ids returns the ids of all pages of a list, and the number of pages.
func (c client) ids(user int64, query string) (ids string, pages int) {
	var all []string
	for after := ""; ; pages++ {
		list := decoded[listed](c.t, c.as(user, "GET /order/list?"+query+after, ""))
		for _, o := range list.Orders {
			all = append(all, o.ID)
		}
		if list.Next == "" {
			return strings.Join(all, " "), pages + 1
		}
		after = "&after=" + list.Next
	}
}

// shop has orders of users 7 and 8: 1 to 12 belong to 7 if odd, and are created, paid, shipped, cancelled in turn.
func shop(t *testing.T, db *database.DB) client {
	c := alone(t, db)
	for i := range 12 {
		o, err := c.module.handler.service.create(t.Context(), plainDraft(7+int64(i)%2))
		require.NoError(t, err)
		for _, next := range [][]string{{}, {"paid"}, {"paid", "shipped"}, {"cancelled"}}[i/2%4] {
			require.Equal(t, "0", code(c.set(staff, o.ID, next)))
		}
	}
	return c
}

func TestList(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := shop(t, db)
		for _, test := range []struct {
			name, query string
			user        int64
			want        string
			pages       int
		}{
			{"has one's own orders, the newest first, cancelled ones too", "", 7, "11 9 7 5 3 1", 1},
			{"of a user without orders is empty", "", 9, "", 1},
			{"comes in pages", "limit=2", 7, "11 9 7 5 3 1", 3},
			{"comes in pages of which the last is not full", "limit=4", 7, "11 9 7 5 3 1", 2},
			{"may name oneself", "userid=7", 7, "11 9 7 5 3 1", 1},
			{"has one status", "status=cancelled", 7, "7", 1},
			{"has one status in pages", "status=created&limit=1", 7, "9 1", 2},
			{"goes on after an order of somebody else", "after=10", 7, "9 7 5 3 1", 1},
			{"goes on after an order that never was", "after=9223372036854775807", 7, "11 9 7 5 3 1", 1},
			{"ignores what it does not know", "page=2&sort=price", 7, "11 9 7 5 3 1", 1},
			{"of staff has their own", "", staff, "", 1},
			{"of staff may have another's", "userid=8", staff, "12 10 8 6 4 2", 1},
			{"of staff may have another's of one status", "userid=8&status=paid&limit=1", staff, "12 4", 2},
			{"of staff may have everybody's", "userid=all&limit=5", staff, "12 11 10 9 8 7 6 5 4 3 2 1", 3},
			{"of staff may have everybody's of one status", "userid=all&status=shipped&limit=1", staff, "6 5", 2},
			{"of staff may be empty", "userid=all&status=completed", staff, "", 1},
		} {
			ids, pages := c.ids(test.user, test.query)
			require.Equal(t, test.want, ids, test.name)
			require.Equal(t, test.pages, pages, test.name)
		}
		require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"orders":[]}}`, c.as(9, "GET /order/list", "").Body.String())
	})
}

func TestAListNeverShowsAnothersOrdersToACustomer(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := shop(t, db)
		for _, query := range []string{"userid=8", "userid=all", "userid=all&status=paid"} {
			require.Equal(t, "403", code(c.as(7, "GET /order/list?"+query, "")), query)
		}
		for after := range 14 { // every cursor that one may forge
			list := decoded[listed](t, c.as(7, fmt.Sprint("GET /order/list?limit=100&after=", after+1), ""))
			for _, o := range list.Orders {
				require.Equal(t, "7", o.UserID)
			}
		}
	})
}

func TestWhatIsWrongWithAList(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for _, query := range []string{
			"limit=0", "limit=101", "limit=-1", "limit=", "limit=1.0", "limit=01", "limit=1&limit=2", "after=0", "after=x", "after=", "after=-1",
			"after=9223372036854775808", "after=1&after=1", "status=lost", "status=", "status=paid&status=paid", "userid=0", "userid=", "userid=ALL",
			"userid=7&userid=8", "%", "a=b;c=d",
		} {
			require.Equal(t, "400", code(c.as(7, "GET /order/list?"+query, "")), query)
		}
		require.Equal(t, "400", code(c.as(7, "GET /order/list?userid=all&limit=0", "")), "what is wrong comes before permission")
	})
}

// TestAListReadsAlongAnIndex looks at the plans of SQLite, which do not depend on what is in the tables.
func TestAListReadsAlongAnIndex(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, Migrate(t.Context(), db))
	const byUser = "SEARCH orders USING INDEX orders_user (user_id=? AND id<?)"
	for _, test := range []struct {
		filter filter
		want   []string
	}{
		{filter{owner: everybody}, []string{"SEARCH orders USING INTEGER PRIMARY KEY (rowid<?)"}},
		{filter{owner: everybody, status: statusPaid}, []string{"SEARCH orders USING INDEX orders_status (status=? AND id<?)"}},
		{filter{owner: 7}, []string{byUser}},
		{filter{owner: 7, status: statusPaid}, []string{"CO-ROUTINE latest", byUser, "SCAN latest"}},
	} {
		query, args := test.filter.statement(1 << 40)
		plan := explained(t, db, "EXPLAIN QUERY PLAN "+query, append(args, 20), func(row *database.Row) (detail string, err error) {
			var id, parent, unused int64
			err = row.Scan(&id, &parent, &unused, &detail)
			return detail, err
		})
		require.Equal(t, test.want, plan, query)
	}
}

func explained(t *testing.T, db *database.DB, query string, args []any, read func(*database.Row) (string, error)) []string {
	plan, err := database.Collect(t.Context(), db, read, query, args...)
	require.NoError(t, err)
	return plan
}

func TestAListReadsAlongAnIndexOfPostgres(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	require.NoError(t, Migrate(t.Context(), db))
	for _, statement := range []string{
		`INSERT INTO orders (user_id, product, price, status, created_at)
			SELECT n % 1000, 'p', 1, CASE WHEN n < 100 THEN 'shipped' ELSE 'created' END, 1 FROM generate_series(1, 20000) AS n`,
		`ANALYZE orders`,
	} {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	for index, f := range map[string]filter{
		"orders_pkey": {owner: everybody}, "orders_user": {owner: 7}, "orders_status": {owner: everybody, status: statusShipped},
	} {
		query, args := f.statement(1 << 40)
		plan := explained(t, db, "EXPLAIN "+query, append(args, 20), func(row *database.Row) (line string, err error) {
			return line, row.Scan(&line)
		})
		require.Regexp(t, "Index Scan .*"+index, strings.Join(plan, "\n"))
		require.NotContains(t, strings.Join(plan, "\n"), "Filter")
	}
}

func TestASearchAmongManyOrdersOfOneUserEndsInAShortPage(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		insert := func(status string, count int) {
			_, err := db.Exec(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
				INSERT INTO orders (user_id, product, price, status, created_at) SELECT 7, 'p', 1, $2, 1 FROM n`, count, status)
			require.NoError(t, err)
		}
		insert("paid", 1)
		insert("created", 4500)
		insert("paid", 1)
		ids, pages := c.ids(7, "status=paid")
		require.Equal(t, "4502 1", ids)
		require.Equal(t, 3, pages)
		ids, pages = c.ids(7, "status=paid&limit=1")
		require.Equal(t, "4502 1", ids)
		require.LessOrEqual(t, pages, 4)
	})
}
