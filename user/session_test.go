package user

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
)

// shop is the module with sessions as main wires it, and a clock that a test sets.
type shop struct {
	t      *testing.T
	engine http.Handler
	module *Module
	ended  *auth.Ended
	clock  *atomic.Int64 // milliseconds since 1970
}

// shopOn opens a shop with cheap passwords: an account test, whose password is test123, and boss, who is staff. Of
// several on one database each is a replica.
func shopOn(t *testing.T, db *database.DB, cfg Config) *shop {
	t.Helper()
	s := &shop{t: t, clock: &atomic.Int64{}}
	s.clock.Store(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli())
	cfg.DB, cfg.Now = db, func() time.Time { return time.UnixMilli(s.clock.Load()) }
	require.NoError(t, Migrate(t.Context(), db))
	require.NoError(t, auth.EnsureIssuer(t.Context(), db))
	var err error
	s.ended, err = auth.LoadEnded(t.Context(), db, cfg.Now)
	require.NoError(t, err)
	cfg.Ended = s.ended
	cfg.Tokens, err = auth.NewTokens(auth.Config{
		Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour, Ended: s.ended, Now: cfg.Now,
	})
	require.NoError(t, err)
	s.engine, s.module = mounted(t, cfg)
	insertCheaply(t, s.store(), "test", "test123")
	insertCheaply(t, s.store(), "boss", "test123")
	if _, err := db.Exec(t.Context(), "UPDATE users SET role = 'staff' WHERE username = 'boss'"); err != nil {
		require.NoError(t, err)
	}
	return s
}

func (s *shop) store() *store { return s.module.handler.service.store }

func (s *shop) advance(by time.Duration) { s.clock.Add(by.Milliseconds()) }

// read does what the job does every second.
func (s *shop) read() {
	s.t.Helper()
	_, err := s.ended.Read(s.t.Context())
	require.NoError(s.t, err)
}

// ask sends a request with a bearer token.
func (s *shop) ask(line, token, body string) *httptest.ResponseRecorder {
	return httpapitest.Call(s.engine, line, token, body)
}

// says requires the whole text of the answer to a request.
func (s *shop) says(want, line, token, body string) {
	s.t.Helper()
	require.Equal(s.t, want+"\n", s.ask(line, token, body).Body.String(), line)
}

const (
	unauthorized = `{"code":401,"msg":"请先登录","data":{}}`
	forbidden    = `{"code":403,"msg":"权限不足","data":{}}`
)

// granted returns the access of an answer that must be a success.
func (s *shop) granted(w *httptest.ResponseRecorder) auth.Access {
	s.t.Helper()
	var answer struct {
		Code int
		Data auth.Access
	}
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Zero(s.t, answer.Code, w.Body)
	require.NotEmpty(s.t, answer.Data.RefreshToken)
	return answer.Data
}

func (s *shop) login(name string) auth.Access {
	s.t.Helper()
	return s.granted(try(s.engine, name, "test123"))
}

func (s *shop) refresh(token string) *httptest.ResponseRecorder {
	return s.ask("POST /user/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, token))
}

// eventsOf returns the types of an account's events, the oldest first.
func (s *shop) eventsOf(account int64) (types []string) {
	s.t.Helper()
	list, err := events.Page(s.t.Context(), s.store().db, account, 0, 1000)
	require.NoError(s.t, err)
	for _, e := range list {
		types = append(types, strings.TrimPrefix(e.Type, "user."))
	}
	return types
}

func TestALoginBeginsASessionThatIsRefreshed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		first := s.login("test")
		require.LessOrEqual(t, len(first.RefreshToken), 200)
		require.Equal(t, []int64{3600, 30 * 24 * 3600}, []int64{first.ExpiresIn, first.RefreshExpiresIn})
		s.advance(2 * time.Hour)
		require.Equal(t, 401, s.ask("GET /user/info", first.Token, "").Code)
		w := s.refresh(first.RefreshToken)
		require.Contains(t, w.Body.String(), `{"code":0,"msg":"刷新成功","data":{"token":"`)
		second := s.granted(w)
		require.Equal(t, "1", fmt.Sprint(second.UserID))
		require.Equal(t, 200, s.ask("GET /user/info", second.Token, "").Code)
		require.Equal(t, second.RefreshToken, s.granted(s.refresh(first.RefreshToken)).RefreshToken)
	})
}

func TestAReusedRefreshTokenEndsTheSessionAndIsRemembered(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		first := s.login("test")
		second := s.granted(s.refresh(first.RefreshToken))
		s.advance(31 * time.Second)
		w := s.refresh(first.RefreshToken)
		require.Equal(t, 401, w.Code)
		require.JSONEq(t, unauthorized, w.Body.String())
		require.Equal(t, `Bearer realm="userorder", error="invalid_token", error_description="the session has ended"`,
			w.Header().Get("WWW-Authenticate"))
		require.Equal(t, 401, s.ask("GET /user/info", second.Token, "").Code)
		require.Equal(t, 401, s.refresh(second.RefreshToken).Code)
		require.Equal(t, []string{"registered", "logged_in", "session_reused"}, s.eventsOf(1))
	})
}

func TestRefreshTokensThatAreNotOurs(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		access := s.login("test")
		for body, status := range map[string]int{
			`{"refresh_token":"x"}`:                                 401,
			`{"refresh_token":"` + access.Token + `"}`:              401,
			`{"refresh_token":"` + strings.Repeat("A", 55) + `"}`:   401,
			`{"refresh_token":"` + strings.Repeat("A", 9999) + `"}`: 401,
			`{"refresh_token":""}`:                                  400,
			`{"refresh_token":7}`:                                   400,
			`{"refresh_token":null}`:                                400,
			`{"Refresh_token":"x"}`:                                 400,
			`{}`:                                                    400,
			``:                                                      400,
		} {
			require.Equal(t, status, s.ask("POST /user/refresh", "", body).Code, body)
		}
		require.Equal(t, 401, s.ask("GET /user/info", access.RefreshToken, "").Code, "it is no access token")
	})
}

func TestLogout(t *testing.T) {
	for _, test := range []struct {
		body  string
		ended int
		left  string // of: this, other, another user's
	}{
		{"", 1, "-xx"},
		{"{}", 1, "-xx"},
		{`{"scope":"this"}`, 1, "-xx"},
		{`{"scope":"others"}`, 1, "x-x"},
		{`{"scope":"all"}`, 2, "--x"},
	} {
		t.Run(test.body, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				s := shopOn(t, db, Config{})
				this, other, boss := s.login("test"), s.login("test"), s.login("boss")
				s.says(fmt.Sprintf(`{"code":0,"msg":"退出成功","data":{"ended":%d}}`, test.ended), "POST /user/logout", this.Token, test.body)
				left := ""
				for _, access := range []auth.Access{this, other, boss} {
					byToken, byRefresh := s.ask("GET /user/info", access.Token, "").Code, s.refresh(access.RefreshToken).Code
					require.Equal(t, byToken, byRefresh)
					left += map[int]string{200: "x", 401: "-"}[byToken]
				}
				require.Equal(t, test.left, left)
			})
		})
	}
}

func TestALogoutThatIsNotUnderstoodEndsNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		access := s.login("test")
		for _, body := range []string{`{"scope":"everything"}`, `{"scope":null}`, `{"scope":""}`, `{"scope":1}`, `{"Scope":"all"}`, `[]`, `x`} {
			require.Equal(t, 400, s.ask("POST /user/logout", access.Token, body).Code, body)
		}
		require.Equal(t, 200, s.ask("GET /user/info", access.Token, "").Code)
		require.Equal(t, 401, s.ask("POST /user/logout", "", "").Code)
	})
}

func TestATokenWithoutASession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		s.login("test")
		old, err := s.module.tokens.Issue(auth.Caller{UserID: 1}) // as the release before has issued it
		require.NoError(t, err)
		s.says(`{"code":0,"msg":"退出成功","data":{"ended":0}}`, "POST /user/logout", old, "")
		require.Contains(t, s.ask("GET /user/sessions", old, "").Body.String(), `"current":false`)
		begun := s.granted(s.ask("POST /user/password", old, `{"old_password":"test123","new_password":"test456"}`))
		require.Equal(t, 200, s.refresh(begun.RefreshToken).Code)
		s.says(`{"code":0,"msg":"退出成功","data":{"ended":1}}`, "POST /user/logout", old, `{"scope":"others"}`)
		require.Equal(t, 200, s.ask("GET /user/info", old, "").Code, "it is good until its exp")
	})
}

func TestSessionsAreListedTheNewestFirst(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		request := httpapitest.Request("POST /user/login", "", `{"username":"test","password":"test123"}`)
		request.Header.Set("User-Agent", "Phone\u0085\x01 7"+strings.Repeat("é", 300))
		phone := s.granted(httpapitest.Serve(s.engine, request))
		s.advance(time.Hour)
		s.login("boss")
		this := s.login("test")
		s.advance(time.Minute)
		s.refresh(phone.RefreshToken)
		list := `{"code":0,"msg":"查询成功","data":{"sessions":[` +
			`{"id":"3","created_at":"2026-11-24T13:00:00.000Z","last_used_at":"2026-11-24T13:00:00.000Z","client":"","address":"192.0.2.1","current":true},` +
			`{"id":"1","created_at":"2026-11-24T12:00:00.000Z","last_used_at":"2026-11-24T13:01:00.000Z","client":"Phone 7` +
			strings.Repeat("é", 193) + `","address":"192.0.2.1","current":false}]}}`
		s.says(list, "GET /user/sessions", this.Token, "")
		require.Empty(t, s.ask("HEAD /user/sessions", this.Token, "").Header().Get("Allow"))
	})
}

func TestASessionIsEndedByItsNumber(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		phone, this, boss := s.login("test"), s.login("test"), s.login("boss")
		gone := `{"code":1,"msg":"会话不存在","data":{}}`
		s.says(gone, "DELETE /user/sessions/3", this.Token, "") // another user's
		s.says(gone, "DELETE /user/sessions/99", this.Token, "")
		s.says(`{"code":0,"msg":"已结束","data":{}}`, "DELETE /user/sessions/1", this.Token, "")
		s.says(gone, "DELETE /user/sessions/1", this.Token, "")
		require.Equal(t, 401, s.refresh(phone.RefreshToken).Code)
		for _, id := range []string{"", "0", "01", "-1", "x", "9223372036854775808"} {
			s.says(`{"code":400,"msg":"会话编号须为正整数","data":{}}`, "DELETE /user/sessions/"+id, this.Token, "")
		}
		require.Equal(t, 200, s.ask("GET /user/info", boss.Token, "").Code)
		s.says(`{"code":0,"msg":"已结束","data":{}}`, "DELETE /user/sessions/2", this.Token, "")
		s.says(unauthorized, "GET /user/info", this.Token, "")
	})
}

func TestAReplicaRefusesTheTokenOfASessionThatEndedOnAnotherOne(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		here, there := shopOn(t, db, Config{}), shopOn(t, db, Config{})
		access := here.login("test")
		require.Equal(t, 200, there.ask("GET /user/info", access.Token, "").Code)
		here.ask("POST /user/logout", access.Token, "")
		there.read()
		there.says(unauthorized, "GET /user/info", access.Token, "")
	})
}

// from sends a request from an address.
func (s *shop) from(address, line, body string) *httptest.ResponseRecorder {
	request := httpapitest.Request(line, "", body)
	request.RemoteAddr = net.JoinHostPort(address, "1234")
	return httpapitest.Serve(s.engine, request)
}
