package order

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

const createLine = "POST /order/create"

// count returns the number of orders in the database.
func (c client) count(db *database.DB) (count int) {
	require.NoError(c.t, db.QueryRow(c.t.Context(), "SELECT count(*) FROM orders").Scan(&count))
	return count
}

func TestARequestWithAKeyThatWasUsedIsAnsweredAsItWasAtFirst(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		const body = `{"product":"product1","price":100.0,"metadata":{"size":"M"}}`
		first := c.with(7, createLine, body, "Idempotency-Key: k", "Accept-Language: en")
		require.Equal(t, "0", code(first), first.Body)
		require.Empty(t, first.Header().Values("Idempotent-Replayed"))
		require.Equal(t, `"1"`, first.Header().Get("ETag"))
		for _, moved := range []string{"", "paid", "cancelled"} {
			if moved != "" {
				require.Equal(t, "0", code(c.set(staff, 1, moved)))
			}
			for _, language := range []string{"zh", "en", "de"} {
				again := c.with(7, createLine, strings.Replace(body, "100.0", "1e2", 1), "Idempotency-Key: k", "Accept-Language: "+language)
				require.Equal(t, first.Body.String(), again.Body.String())
				require.Equal(t, "true", again.Header().Get("Idempotent-Replayed"))
				require.Equal(t, `"1"`, again.Header().Get("ETag"))
				require.Equal(t, "en", again.Header().Get("Content-Language"))
			}
		}
		require.Equal(t, 1, c.count(db))
	})
}

func TestAKeyThatWasUsedForAnotherRequestIsRefused(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, "0", code(c.with(staff, createLine, `{"userid":"7","product":"p","price":1,"metadata":{"a":"b"}}`, "Idempotency-Key: k")))
		for name, body := range map[string]string{
			"another product":  `{"userid":"7","product":"q","price":1,"metadata":{"a":"b"}}`,
			"another price":    `{"userid":"7","product":"p","price":1.01,"metadata":{"a":"b"}}`,
			"another metadata": `{"userid":"7","product":"p","price":1,"metadata":{"a":"c"}}`,
			"no metadata":      `{"userid":"7","product":"p","price":1}`,
			"another user":     `{"userid":"8","product":"p","price":1,"metadata":{"a":"b"}}`,
			"no user":          `{"product":"p","price":1,"metadata":{"a":"b"}}`,
		} {
			w := c.with(staff, createLine, body, "Idempotency-Key: k")
			require.Equal(t, "422", code(w), name)
			require.JSONEq(t, `{"code":422,"msg":"该幂等键已用于另一个请求","data":{}}`, w.Body.String())
		}
		require.Equal(t, 1, c.count(db))
	})
}

func TestAKeyIsItsCallersAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for i, user := range []int64{7, 8, staff} {
			w := c.with(user, createLine, fmt.Sprintf(`{"userid":"%d","product":"p","price":1}`, max(user%int64(staff), 7)), "Idempotency-Key: k")
			require.Equal(t, "0", code(w), w.Body)
			require.Equal(t, i+1, c.count(db))
		}
		require.Equal(t, "0", code(c.with(7, createLine, body, "Idempotency-Key: K")), "letter case counts")
		require.Equal(t, 4, c.count(db))
	})
}

func TestKeys(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for _, key := range []string{"k", "!~", `"quoted"`, strings.Repeat("k", 255), "a,b", "'; DROP TABLE orders; --"[:2]} {
			require.Equal(t, "0", code(c.with(7, createLine, body, "Idempotency-Key: "+key)), key)
		}
		before := c.count(db)
		for _, lines := range [][]string{
			{"Idempotency-Key: "}, {"Idempotency-Key: a b"}, {"Idempotency-Key: \tk"}, {"Idempotency-Key: ключ"}, {"Idempotency-Key: a\x7f"},
			{"Idempotency-Key: " + strings.Repeat("k", 256)}, {"Idempotency-Key: a", "Idempotency-Key: a"},
		} {
			require.Equal(t, "400", code(c.with(7, createLine, body, lines...)), lines)
		}
		require.Equal(t, before, c.count(db))
	})
}

func TestARefusedRequestUsesNoKeyUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for _, refused := range []string{`{"product":"","price":1}`, `{"product":"p","price":-1}`, `{"userid":"8","product":"p","price":1}`} {
			require.NotEqual(t, http.StatusOK, c.with(7, createLine, refused, "Idempotency-Key: k").Code)
		}
		w := c.with(7, createLine, body, "Idempotency-Key: k")
		require.Equal(t, "0", code(w))
		require.Empty(t, w.Header().Values("Idempotent-Replayed"))
	})
}

func TestManyRequestsAtOnceWithOneKeyMakeOneOrder(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for round := range 5 {
			var answers sync.Map
			var group sync.WaitGroup
			for range 64 {
				group.Go(func() {
					w := c.with(7, createLine, body, fmt.Sprint("Idempotency-Key: ", round))
					answers.Store(w.Body.String(), true)
					if w.Code != http.StatusOK {
						t.Error(w.Body)
					}
				})
			}
			group.Wait()
			different := 0
			answers.Range(func(any, any) bool { different++; return true })
			require.Equal(t, 1, different)
			require.Equal(t, round+1, c.count(db))
		}
	})
}

func TestOnlyStaffCreatesForOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const forAnother = `{"userid":"8","product":"p","price":1}`
		c := alone(t, db)
		require.Equal(t, "403", code(c.as(7, createLine, forAnother)))
		w := c.as(staff, createLine, forAnother)
		require.Equal(t, "0", code(w))
		require.Contains(t, w.Body.String(), `"userid":"8"`)
		require.Equal(t, "0", code(c.as(8, "GET /order/query/1", "")))
		require.Equal(t, []any{"staff", fmt.Sprint(staff)}, []any{c.events(1)[0]["by"], c.events(1)[0]["userid"]})
	})
}

func TestWhereStaffAloneCreatesOrders(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := mounted(t, Config{DB: db, StaffOnly: true}, discard)
		require.JSONEq(t, `{"code":403,"msg":"权限不足","data":{}}`, c.as(7, createLine, body).Body.String())
		require.Equal(t, "400", code(c.as(7, createLine, "{}")), "what is wrong with a request comes first")
		require.Equal(t, "0", code(c.as(staff, createLine, `{"userid":"7","product":"p","price":1}`)))
		require.Equal(t, 1, c.count(db))
	})
}
