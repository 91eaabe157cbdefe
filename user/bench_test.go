package user

import (
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database/databasetest"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// BenchmarkRefresh measures POST /user/refresh without the network, from 64 callers that share commits, each with a
// session of its own.
func BenchmarkRefresh(b *testing.B) {
	db := databasetest.Open(b, databasetest.SQLite(b))
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(b, err)
	module, err := New(b.Context(), Config{DB: db, Tokens: tokens, SessionTTL: time.Hour, HashConcurrency: 1})
	require.NoError(b, err)
	engine, err := httpapi.NewEngine(httpapi.Config{Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	module.Mount(engine.Group("/user"))
	sessions := make(chan string, 64)
	for range cap(sessions) {
		var session auth.Session
		require.NoError(b, module.handler.service.store.sessions.Write(b.Context(), func(tx *auth.SessionTx) (err error) {
			session, err = tx.Begin(7, auth.Customer, "", "")
			return err
		}))
		access, err := tokens.Grant(session)
		require.NoError(b, err)
		sessions <- access.RefreshToken
	}
	b.ReportAllocs()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		token := <-sessions
		for pb.Next() {
			w := httpapitest.Call(engine, "POST /user/refresh", "", `{"refresh_token":"`+token+`"}`)
			if w.Code != http.StatusOK {
				b.Error(w.Body)
			}
			_, rest, _ := strings.Cut(w.Body.String(), `"refresh_token":"`)
			token, _, _ = strings.Cut(rest, `"`)
		}
	})
}
