package user

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
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

// alone mounts the module on an engine that serves nothing else.
func alone(t *testing.T, db *database.DB) (http.Handler, *Module) {
	return mounted(t, Config{DB: db})
}

// mounted is alone for any configuration. The HashConcurrency is its own, and the tokens if cfg has none.
func mounted(t *testing.T, cfg Config) (http.Handler, *Module) {
	return logged(t, cfg, slog.New(slog.DiscardHandler))
}

func logged(t *testing.T, cfg Config, log *slog.Logger) (http.Handler, *Module) {
	if cfg.Tokens == nil {
		tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
		require.NoError(t, err)
		cfg.Tokens = tokens
	}
	cfg.HashConcurrency, cfg.SessionTTL = 1, 30*24*time.Hour
	module, err := New(t.Context(), cfg)
	require.NoError(t, err)
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: log, Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	module.Mount(engine.Group("/user"))
	return engine, module
}

func register(handler http.Handler, name string) *httptest.ResponseRecorder {
	body := fmt.Sprintf(`{"username":%q,"password":"test123","email":"test@test.com"}`, name)
	return httpapitest.Call(handler, "POST /user/register", "", body)
}

func try(handler http.Handler, name, plain string) *httptest.ResponseRecorder {
	return httpapitest.Call(handler, "POST /user/login", "", fmt.Sprintf(`{"username":%q,"password":%q}`, name, plain))
}

// login returns a token of the user with this name and the password test123.
func login(t *testing.T, handler http.Handler, name string) string {
	t.Helper()
	w := try(handler, name, "test123")
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
		require.Regexp(t, `^{"code":0,"msg":"查询成功","data":{"userid":"1","username":"Test","email":"test@test.com",`+
			`"role":"customer","created_at":"20\d\d-[^"]+Z"}}\n$`, httpapitest.Call(handler, "GET /user/info", token, "").Body.String())
	})
}

func TestLoginDoesNotTellWhichNamesHaveAccounts(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := alone(t, db)
		register(handler, "test")
		for name, body := range map[string]string{
			"a wrong password":                    `{"username":"test","password":"test124"}`,
			"an unknown name":                     `{"username":"nobody","password":"test123"}`,
			"a name that no account can have":     `{"username":"no body","password":"test123"}`,
			"a name that is too long":             `{"username":"` + strings.Repeat("a", 65) + `","password":"test123"}`,
			"a password that no account can have": `{"username":"test","password":"short"}`,
			"a password that is too long":         `{"username":"test","password":"` + strings.Repeat("a", 129) + `"}`,
			"the right password in another case":  `{"username":"test","password":"TEST123"}`,
		} {
			w := httpapitest.Call(handler, "POST /user/login", "", body)
			require.Equal(t, 200, w.Code, name)
			require.JSONEq(t, `{"code":1,"msg":"用户名或密码错误","data":{}}`, w.Body.String(), name)
		}
	})
}

func TestALoginThatFailsIsLoggedWithTheAccountsNumberAndNeverTheName(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var log bytes.Buffer
		handler, _ := logged(t, Config{DB: db, Throttle: Throttle{
			Failures: 2, Window: time.Hour, Delay: time.Hour, MaxDelay: time.Hour,
		}}, slog.New(slog.NewTextHandler(&log, nil)))
		register(handler, "test")
		for _, test := range []struct{ name, password, want string }{
			{"hunter2", "test123", "status=200 account=unknown"},
			{"hunter2 hunter2", "test123", "status=200 account=unknown"}, // no account can have that name
			{"test", "hunter2", "status=200 account=1"},
			{"test", "h", "status=200 account=1"}, // no account can have that password
			{"test", "test123", "status=429 account=1"},
			{"hunter2", "test123", "status=200 account=unknown"},
		} {
			log.Reset()
			try(handler, test.name, test.password)
			found := regexp.MustCompile(`status=\d+|account=\w+`).FindAllString(log.String(), -1)
			require.Equal(t, test.want, strings.Join(found, " "), log.String())
			require.NotContains(t, log.String(), "hunter2")
		}
	})
}

func TestInfoOfAnAccountThatIsGone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		token, err := module.tokens.Issue(auth.Caller{UserID: 404})
		require.NoError(t, err)
		w := httpapitest.Call(handler, "GET /user/info", token, "")
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"code":1,"msg":"用户不存在","data":{}}`, w.Body.String())
	})
}

func TestExactlyOneOfManyConcurrentRegistrationsOfANameSucceeds(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := alone(t, db)
		spellings := []string{"test", "Test", "TEST", "ｔｅｓｔ"}
		var succeeded, taken atomic.Int64
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				w := register(handler, spellings[i%len(spellings)])
				for w.Code == http.StatusServiceUnavailable { // on a busy machine the queue for hashing is too long
					time.Sleep(50 * time.Millisecond)
					w = register(handler, spellings[i%len(spellings)])
				}
				switch {
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

// insertCheaply adds an account whose password is cheap to verify.
func insertCheaply(t *testing.T, store *store, typed, plain string) (name username) {
	require.NoError(t, name.UnmarshalText([]byte(typed)))
	salt := random(saltLength)
	hash := encode(cheap, salt, cheap.key(plain, salt, keyLength))
	_, err := store.insert(t.Context(), name, "test@test.com", hash, client{}, time.Now())
	if !errors.Is(err, errNameTaken) { // another replica has it
		require.NoError(t, err)
	}
	return name
}

func TestALoginReplacesAnOutdatedHash(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		store := module.handler.service.store
		name := insertCheaply(t, store, "test", "test123")
		login(t, handler, "test")
		stored, err := store.credentials(t.Context(), name)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(stored.hash, "$argon2id$v=19$m=19456,t=2,p=1$"), stored.hash)
		login(t, handler, "test") // with the new hash
	})
}

func TestAnOutageIsNeverASuccess(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		handler, module := alone(t, db)
		token, err := module.tokens.Issue(auth.Caller{UserID: 1})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		for _, w := range []*httptest.ResponseRecorder{
			register(handler, "test"),
			httpapitest.Call(handler, "POST /user/login", "", `{"username":"test","password":"test123"}`),
			httpapitest.Call(handler, "GET /user/info", token, ""),
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
