package order

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
)

// BenchmarkQuery measures GET /order/query/:orderid without the network.
func BenchmarkQuery(b *testing.B) {
	engine, token := newBenchmark(b)
	b.ReportAllocs()
	for b.Loop() {
		ask(b, engine, token, "GET /order/query/1", "")
	}
}

// BenchmarkList measures GET /order/list, with 20 orders, without the network.
func BenchmarkList(b *testing.B) {
	engine, token := newBenchmark(b)
	for range 20 {
		ask(b, engine, token, "POST /order/create", `{"product":"product1","price":100.0}`)
	}
	b.ReportAllocs()
	for b.Loop() {
		ask(b, engine, token, "GET /order/list", "")
	}
}

// BenchmarkCreate measures POST /order/create without the network, from 64 callers that share commits.
func BenchmarkCreate(b *testing.B) {
	engine, token := newBenchmark(b)
	b.ReportAllocs()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ask(b, engine, token, "POST /order/create", `{"userid":"7","product":"product1","price":100.0}`)
		}
	})
}

// newBenchmark returns the module on an engine of its own and a token of the user that order 1 belongs to.
func newBenchmark(b *testing.B) (engine http.Handler, token string) {
	c := alone(b, databasetest.Open(b, databasetest.SQLite(b)))
	_, err := c.module.handler.service.create(b.Context(), plainDraft(7))
	require.NoError(b, err)
	return c.engine, c.token(7)
}

func ask(b *testing.B, engine http.Handler, token, line, body string) {
	if w := httpapitest.Call(engine, line, token, body); w.Code != http.StatusOK {
		b.Error(w.Body)
	}
}
