package user

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/httpapi"
)

func TestASequenceBehindTheAccountsIsAnErrorAndNoTakenName(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "&default_query_exec_mode=exec"} {
		db := databasetest.Open(t, databasetest.Postgres(t)+options)
		_, module := alone(t, db)
		var log bytes.Buffer
		engine, err := httpapi.NewEngine(httpapi.Config{
			Log: slog.New(slog.NewTextHandler(&log, nil)), Ready: func(context.Context) error { return nil },
		})
		require.NoError(t, err)
		module.Mount(engine.Group("/user"))
		for _, name := range []string{"first", "second", "third"} {
			require.Equal(t, http.StatusOK, register(engine, name).Code)
		}
		_, err = db.Exec(t.Context(), "SELECT setval('users_id_seq', 1)")
		require.NoError(t, err)
		_, err = New(t.Context(), Config{DB: db, Tokens: module.tokens, HashConcurrency: 1})
		require.ErrorContains(t, err, "the next id of users would be 2, but 3 is taken: run SELECT setval(")
		for _, name := range []string{"new", "newer"} { // 2 and 3 are taken
			log.Reset()
			w := register(engine, name)
			require.Equal(t, http.StatusInternalServerError, w.Code, w.Body)
			require.NotContains(t, w.Body.String(), "用户名已存在")
			require.Contains(t, log.String(), "level=ERROR")
			require.Contains(t, log.String(), "run SELECT setval(")
			require.NotContains(t, w.Body.String(), "setval")
		}
		require.Contains(t, register(engine, "new").Body.String(), "注册成功")
		require.Contains(t, register(engine, "new").Body.String(), "用户名已存在")
		_, err = New(t.Context(), Config{DB: db, Tokens: module.tokens, HashConcurrency: 1})
		require.NoError(t, err)
	}
}
