package order

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// client calls the module, mounted on an engine that serves nothing else, as any user.
type client struct {
	t      testing.TB
	engine http.Handler
	module *Module
}

func alone(t testing.TB, db *database.DB) client {
	return mounted(t, Config{DB: db}, discard)
}

// mounted is alone for any configuration, whose tokens are its own, and any log.
func mounted(t testing.TB, cfg Config, log slog.Handler) client {
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(t, err)
	cfg.Tokens = tokens
	module, err := New(t.Context(), cfg)
	require.NoError(t, err)
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(log), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	module.Mount(engine.Group("/order"))
	return client{t, engine, module}
}

func (c client) token(user int64) string {
	caller := auth.Caller{UserID: user}
	if user == staff {
		caller.Role = auth.Staff
	}
	token, err := c.module.tokens.Issue(caller)
	require.NoError(c.t, err)
	return token
}

// discard is a log of which nobody reads anything.
var discard = slog.DiscardHandler

// staff is the user who is staff.
const staff = 99

// plainDraft returns an order of a user that has nothing special.
func plainDraft(user int64) draft {
	return draft{order: order{UserID: user, Product: "product1", Price: 10000}, creator: user, role: auth.Customer}
}

// as sends a request such as "POST /order/create" with a token of the user.
func (c client) as(user int64, line, body string) *httptest.ResponseRecorder {
	return httpapitest.Call(c.engine, line, c.token(user), body)
}

const (
	body     = `{"product":"product1","price":100.0}`
	notFound = `{"code":1,"msg":"订单不存在","data":{}}`
)

func TestTheModuleAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		created := c.as(7, "POST /order/create", body).Body.String()
		require.Regexp(t, `^{"code":0,"msg":"创建成功","data":{"id":"1","userid":"7","product":"product1","price":100.0,`+
			`"status":"created","created_at":"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","updated_at":"20[^"]+Z","version":1}}\n$`, created)
		queried := c.as(7, "GET /order/query/1", "").Body.String()
		require.Equal(t, strings.Replace(created, "创建成功", "查询成功", 1), queried, "the stored order differs from the answer")
		require.JSONEq(t, `{"code":0,"msg":"取消成功","data":{}}`, c.as(7, "DELETE /order/cancel/1", "").Body.String())
	})
}

func TestAnOrderOfAnotherUser(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, 200, c.as(7, "POST /order/create", body).Code)
		t.Run("is forbidden", func(t *testing.T) {
			for _, w := range []*httptest.ResponseRecorder{
				c.as(8, "GET /order/query/1", ""), c.as(8, "DELETE /order/cancel/1", ""),
			} {
				require.Equal(t, 403, w.Code)
				require.JSONEq(t, `{"code":403,"msg":"无权操作其他用户的订单","data":{}}`, w.Body.String())
			}
		})
		t.Run("cannot be created", func(t *testing.T) {
			w := c.as(8, "POST /order/create", `{"userid":"7","product":"p","price":1}`)
			require.Equal(t, 403, w.Code)
			require.JSONEq(t, notFound, c.as(7, "GET /order/query/2", "").Body.String())
		})
		t.Run("is unharmed", func(t *testing.T) {
			require.Equal(t, 0, strings.Index(c.as(7, "GET /order/query/1", "").Body.String(), `{"code":0`))
		})
		t.Run("looks missing to everybody once it is cancelled", func(t *testing.T) {
			require.Equal(t, 200, c.as(7, "DELETE /order/cancel/1", "").Code)
			for _, user := range []int64{7, 8} {
				require.JSONEq(t, notFound, c.as(user, "GET /order/query/1", "").Body.String())
				require.JSONEq(t, notFound, c.as(user, "DELETE /order/cancel/1", "").Body.String())
			}
		})
	})
}

func TestACancelledOrderStaysInTheDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.UnixMilli(1_795_000_000_123)
		c := mounted(t, Config{DB: db, Now: func() time.Time { return now }}, discard)
		require.Equal(t, 200, c.as(7, "POST /order/create", body).Code)
		now = now.Add(time.Minute)
		require.Equal(t, 200, c.as(7, "DELETE /order/cancel/1", "").Code)
		var status string
		var createdAt, cancelledAt int64
		row := db.QueryRow(t.Context(), "SELECT status, created_at, cancelled_at FROM orders WHERE id = $1", 1)
		require.NoError(t, row.Scan(&status, &createdAt, &cancelledAt))
		require.Equal(t, "cancelled", status)
		require.EqualValues(t, 1_795_000_000_123, createdAt)
		require.EqualValues(t, 1_795_000_060_123, cancelledAt)
	})
}

func TestTheLogOfACreateNamesTheOrder(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var log bytes.Buffer
		c := mounted(t, Config{DB: db}, slog.NewTextHandler(&log, nil))
		require.Equal(t, 200, c.as(7, "POST /order/create", body).Code)
		require.Contains(t, log.String(), " user=7 order=1\n")
		log.Reset()
		require.Equal(t, 400, c.as(7, "POST /order/create", "{}").Code)
		require.NotContains(t, log.String(), "order=")
	})
}

func TestIDsAreNeverReused(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Contains(t, c.as(7, "POST /order/create", body).Body.String(), `"id":"1"`)
		require.Contains(t, c.as(7, "POST /order/create", body).Body.String(), `"id":"2"`)
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec("DELETE FROM orders")
			return err
		}))
		require.Contains(t, c.as(7, "POST /order/create", body).Body.String(), `"id":"3"`)
	})
}

func TestExactlyOneOfManyConcurrentCancelsOfAnOrderSucceeds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		require.Equal(t, 200, c.as(7, "POST /order/create", body).Code)
		var succeeded, missing atomic.Int64
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				switch w := c.as(7, "DELETE /order/cancel/1", ""); {
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

func TestConcurrentlyCreatedOrdersHaveDifferentIDs(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		var ids sync.Map
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				o, err := c.module.handler.service.create(t.Context(), plainDraft(7))
				if _, taken := ids.LoadOrStore(o.ID, true); taken || err != nil {
					t.Errorf("id %d, taken %v: %v", o.ID, taken, err)
				}
			})
		}
		group.Wait()
		for id := range int64(100) {
			w := c.as(7, fmt.Sprint("GET /order/query/", id+1), "")
			require.Contains(t, w.Body.String(), `"code":0`)
		}
	})
}

func TestAnOutageIsNeverASuccess(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		c := alone(t, db)
		require.NoError(t, db.Close())
		for _, w := range []*httptest.ResponseRecorder{
			c.as(7, "POST /order/create", body),
			c.as(7, "GET /order/query/1", ""),
			c.as(7, "DELETE /order/cancel/1", ""),
		} {
			require.GreaterOrEqual(t, w.Code, 500)
			require.NotContains(t, w.Body.String(), "closed", "the client sees the database's error text")
		}
	})
}

func TestTablesListsEveryTable(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, Migrate(t.Context(), db))
	databasetest.RequireTables(t, db, Tables())
}

func TestASequenceBehindTheOrdersEndsTheStartAndIsAnErrorLater(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	var log bytes.Buffer
	c := mounted(t, Config{DB: db}, slog.NewTextHandler(&log, nil))
	for range 3 {
		require.Equal(t, http.StatusOK, c.as(7, "POST /order/create", body).Code)
	}
	_, err := db.Exec(t.Context(), "SELECT setval('orders_id_seq', 1)")
	require.NoError(t, err)
	_, err = New(t.Context(), Config{DB: db})
	require.ErrorContains(t, err, "the next id of orders would be 2, but 3 is taken: run SELECT setval(")
	require.Equal(t, http.StatusInternalServerError, c.as(7, "POST /order/create", body).Code)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "run SELECT setval(")
}
