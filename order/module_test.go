package order

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi"
)

// client calls the module, which is alone on its engine, as any user.
type client struct {
	t      testing.TB
	engine http.Handler
	module *Module
}

func alone(t testing.TB, db *database.DB) client {
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(t, err)
	module, err := New(t.Context(), Config{DB: db, Tokens: tokens})
	require.NoError(t, err)
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	module.Mount(engine.Group("/order"))
	return client{t, engine, module}
}

func (c client) as(user int64, method, path, body string) *httptest.ResponseRecorder {
	token, err := c.module.tokens.Issue(auth.Caller{UserID: user})
	require.NoError(c.t, err)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	c.engine.ServeHTTP(w, r)
	return w
}

const (
	body     = `{"product":"product1","price":100.0}`
	notFound = `{"code":1,"msg":"订单不存在","data":{}}`
)

func TestTheModuleAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		created := c.as(7, "POST", "/order/create", body).Body.String()
		require.Regexp(t, `^{"code":0,"msg":"创建成功","data":{"id":"1","userid":"7","product":"product1","price":100.0,`+
			`"status":"created","created_at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"}}\n$`, created)
		queried := c.as(7, "GET", "/order/query/1", "").Body.String()
		require.Equal(t, strings.Replace(created, "创建成功", "查询成功", 1), queried, "it was not stored as it was answered")
		require.JSONEq(t, `{"code":0,"msg":"取消成功","data":{}}`, c.as(7, "DELETE", "/order/cancel/1", "").Body.String())
	})
}

func TestAnOrderOfAnotherUser(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, 200, c.as(7, "POST", "/order/create", body).Code)
		t.Run("is forbidden", func(t *testing.T) {
			for _, w := range []*httptest.ResponseRecorder{
				c.as(8, "GET", "/order/query/1", ""), c.as(8, "DELETE", "/order/cancel/1", ""),
			} {
				require.Equal(t, 403, w.Code)
				require.JSONEq(t, `{"code":403,"msg":"无权操作其他用户的订单","data":{}}`, w.Body.String())
			}
		})
		t.Run("cannot be made", func(t *testing.T) {
			w := c.as(8, "POST", "/order/create", `{"userid":"7","product":"p","price":1}`)
			require.Equal(t, 403, w.Code)
			require.JSONEq(t, notFound, c.as(7, "GET", "/order/query/2", "").Body.String())
		})
		t.Run("was not harmed", func(t *testing.T) {
			require.Equal(t, 0, strings.Index(c.as(7, "GET", "/order/query/1", "").Body.String(), `{"code":0`))
		})
		t.Run("does not exist for anybody once it is cancelled", func(t *testing.T) {
			require.Equal(t, 200, c.as(7, "DELETE", "/order/cancel/1", "").Code)
			for _, user := range []int64{7, 8} {
				require.JSONEq(t, notFound, c.as(user, "GET", "/order/query/1", "").Body.String())
				require.JSONEq(t, notFound, c.as(user, "DELETE", "/order/cancel/1", "").Body.String())
			}
		})
	})
}

func TestACancelledOrderStaysInTheDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, 200, c.as(7, "POST", "/order/create", body).Code)
		before := time.Now().UnixMilli()
		require.Equal(t, 200, c.as(7, "DELETE", "/order/cancel/1", "").Code)
		var status string
		var cancelledAt int64
		row := db.QueryRow(t.Context(), "SELECT status, cancelled_at FROM orders WHERE id = $1", 1)
		require.NoError(t, row.Scan(&status, &cancelledAt))
		require.Equal(t, "cancelled", status)
		require.GreaterOrEqual(t, cancelledAt, before)
		require.LessOrEqual(t, cancelledAt, time.Now().UnixMilli())
	})
}

func TestIDsAreNeverUsedAgain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Contains(t, c.as(7, "POST", "/order/create", body).Body.String(), `"id":"1"`)
		require.Contains(t, c.as(7, "POST", "/order/create", body).Body.String(), `"id":"2"`)
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec("DELETE FROM orders")
			return err
		}))
		require.Contains(t, c.as(7, "POST", "/order/create", body).Body.String(), `"id":"3"`)
	})
}

func TestOfManyCancelsOfOneOrderExactlyOneSucceeds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, 200, c.as(7, "POST", "/order/create", body).Code)
		var succeeded, missing atomic.Int64
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				switch w := c.as(7, "DELETE", "/order/cancel/1", ""); {
				case strings.Contains(w.Body.String(), `"code":0`):
					succeeded.Add(1)
				case strings.Contains(w.Body.String(), "订单不存在"):
					missing.Add(1)
				default:
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, succeeded.Load())
		require.EqualValues(t, 99, missing.Load())
	})
}

func TestOrdersMadeAtOnceAllHaveTheirOwnID(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		var ids sync.Map
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				order, err := c.module.handler.service.create(t.Context(), 7, "p", 1)
				if _, taken := ids.LoadOrStore(order.ID, true); taken || err != nil {
					t.Errorf("id %d, taken %v: %v", order.ID, taken, err)
				}
			})
		}
		group.Wait()
		for id := range int64(100) {
			w := c.as(7, "GET", fmt.Sprint("/order/query/", id+1), "")
			require.Contains(t, w.Body.String(), `"code":0`)
		}
	})
}

func TestAnOutageIsNoSuccess(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		c := alone(t, db)
		require.NoError(t, db.Close())
		for _, w := range []*httptest.ResponseRecorder{
			c.as(7, "POST", "/order/create", body),
			c.as(7, "GET", "/order/query/1", ""),
			c.as(7, "DELETE", "/order/cancel/1", ""),
		} {
			require.GreaterOrEqual(t, w.Code, 500)
			require.NotContains(t, w.Body.String(), "closed", "the client sees the database's own words")
		}
	})
}

// BenchmarkQuery is GET /order/query/:orderid without the network.
func BenchmarkQuery(b *testing.B) {
	engine, token := newBenchmark(b)
	b.ReportAllocs()
	for b.Loop() {
		ask(b, engine, token, "GET", "/order/query/1", "")
	}
}

// BenchmarkCreate is POST /order/create without the network, from 64 callers at once, so that they share commits.
func BenchmarkCreate(b *testing.B) {
	engine, token := newBenchmark(b)
	b.ReportAllocs()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ask(b, engine, token, "POST", "/order/create", `{"userid":"7","product":"product1","price":100.0}`)
		}
	})
}

// newBenchmark returns the module on an engine of its own, with an order of the user whose token it returns.
func newBenchmark(b *testing.B) (*gin.Engine, string) {
	db := databasetest.Open(b, databasetest.SQLite(b))
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(b, err)
	module, err := New(b.Context(), Config{DB: db, Tokens: tokens})
	require.NoError(b, err)
	_, err = module.handler.service.create(b.Context(), 7, "product1", 10000)
	require.NoError(b, err)
	engine, err := httpapi.NewEngine(httpapi.Config{Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	module.Mount(engine.Group("/order"))
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(b, err)
	return engine, token
}

func ask(b *testing.B, engine http.Handler, token, method, path, body string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	if engine.ServeHTTP(w, r); w.Code != http.StatusOK {
		b.Error(w.Body)
	}
}

func TestTablesAreAllThatTheModuleKeeps(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, Migrate(t.Context(), db))
	databasetest.RequireTables(t, db, Tables())
}
