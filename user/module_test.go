package user

import (
	"context"
	"encoding/json"
	"errors"
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
)

// alone mounts the module on an engine that has nothing else.
func alone(t *testing.T, db *database.DB) (http.Handler, *Module) {
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(t, err)
	module, err := New(t.Context(), Config{DB: db, Tokens: tokens, HashConcurrency: 1})
	require.NoError(t, err)
	return mounted(t, module), module
}

func mounted(t *testing.T, module *Module) http.Handler {
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	module.Mount(engine.Group("/user"))
	return engine
}

func call(handler http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func register(handler http.Handler, name string) *httptest.ResponseRecorder {
	body := fmt.Sprintf(`{"username":%q,"password":"test123","email":"test@test.com"}`, name)
	return call(handler, "POST", "/user/register", "", body)
}

// login returns the token of a user whose password is test123.
func login(t *testing.T, handler http.Handler, name string) string {
	t.Helper()
	w := call(handler, "POST", "/user/login", "", fmt.Sprintf(`{"username":%q,"password":"test123"}`, name))
	var answer struct {
		Code int
		Data struct{ Token string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Zero(t, answer.Code, w.Body)
	return answer.Data.Token
}

func TestTheModuleAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := alone(t, db)
		require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`, register(handler, "Test").Body.String())
		require.JSONEq(t, `{"code":1,"msg":"用户名已存在","data":{}}`, register(handler, "ＴＥＳＴ").Body.String())
		token := login(t, handler, "tEST")
		require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"userid":"1","username":"Test","email":"test@test.com"}}`,
			call(handler, "GET", "/user/info", token, "").Body.String())
	})
}

func TestLoginTellsNothingOfWhoHasAnAccount(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := alone(t, db)
		register(handler, "test")
		for name, body := range map[string]string{
			"a wrong password":                   `{"username":"test","password":"test124"}`,
			"an unknown name":                    `{"username":"nobody","password":"test123"}`,
			"a name that nobody can have":        `{"username":"no body","password":"test123"}`,
			"a name too long for anybody":        `{"username":"` + strings.Repeat("a", 65) + `","password":"test123"}`,
			"a password that nobody can have":    `{"username":"test","password":"short"}`,
			"a password too long for anybody":    `{"username":"test","password":"` + strings.Repeat("a", 129) + `"}`,
			"the right password in another case": `{"username":"test","password":"TEST123"}`,
		} {
			w := call(handler, "POST", "/user/login", "", body)
			require.Equal(t, 200, w.Code, name)
			require.JSONEq(t, `{"code":1,"msg":"用户名或密码错误","data":{}}`, w.Body.String(), name)
		}
	})
}

func TestInfoSaysWhenTheUserIsGone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		token, err := module.tokens.Issue(auth.Caller{UserID: 404})
		require.NoError(t, err)
		w := call(handler, "GET", "/user/info", token, "")
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"code":1,"msg":"用户不存在","data":{}}`, w.Body.String())
	})
}

func TestOfManyRegistrationsOfOneNameExactlyOneSucceeds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := alone(t, db)
		spellings := []string{"test", "Test", "TEST", "ｔｅｓｔ"}
		var succeeded, taken atomic.Int64
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				switch w := register(handler, spellings[i%len(spellings)]); {
				case strings.Contains(w.Body.String(), `"code":0`):
					succeeded.Add(1)
				case strings.Contains(w.Body.String(), "用户名已存在"):
					taken.Add(1)
				default:
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, succeeded.Load())
		require.EqualValues(t, 99, taken.Load())
	})
}

// insertCheaply adds a user whose password has a hash of little cost.
func insertCheaply(t *testing.T, store *store, username, password string) (name Username) {
	require.NoError(t, name.UnmarshalText([]byte(username)))
	salt := random(saltLength)
	hash := encode(cheap, salt, cheap.key(password, salt, keyLength))
	_, err := store.insert(t.Context(), name, "test@test.com", hash, time.Now())
	if !errors.Is(err, ErrNameTaken) { // by the replica before this one
		require.NoError(t, err)
	}
	return name
}

func TestALoginReplacesAHashOfAnotherCost(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		store := module.handler.service.store
		name := insertCheaply(t, store, "test", "test123")
		login(t, handler, "test")
		_, hash, err := store.credentials(t.Context(), name)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
		login(t, handler, "test") // with the new one
	})
}

func TestAnOutageIsNoSuccess(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		handler, module := alone(t, db)
		token, err := module.tokens.Issue(auth.Caller{UserID: 1})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		for _, w := range []*httptest.ResponseRecorder{
			register(handler, "test"),
			call(handler, "POST", "/user/login", "", `{"username":"test","password":"test123"}`),
			call(handler, "GET", "/user/info", token, ""),
		} {
			require.GreaterOrEqual(t, w.Code, 500)
			require.NotContains(t, w.Body.String(), "closed", "the client sees the database's own words")
		}
	})
}

func TestTablesAreAllThatTheModuleKeeps(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, Migrate(t.Context(), db))
	databasetest.RequireTables(t, db, Tables())
}
