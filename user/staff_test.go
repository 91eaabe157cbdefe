package user

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
)

func TestTheRoutesForStaffAnswerEverybodyElse403(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		token := s.login("test").Token
		s.says(forbidden, "GET /user/list", token, "")
		s.says(forbidden, "POST /user/update/2", token, `{"disabled":true}`)
		s.says(forbidden, "POST /user/update/1", token, `{"role":"staff"}`)
		// What is wrong with a request comes first.
		require.Equal(t, 400, s.ask("GET /user/list?limit=0", token, "").Code)
		require.Equal(t, 400, s.ask("POST /user/update/x", token, `{"disabled":true}`).Code)
		require.Equal(t, 400, s.ask("POST /user/update/2", token, `{}`).Code)
		require.Equal(t, 401, s.ask("GET /user/list", "", "").Code)
	})
}

func TestUsersAreListedTheNewestFirst(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		for i := range 23 {
			insertCheaply(t, s.store(), fmt.Sprint("user", i), "test123")
		}
		token := s.login("boss").Token
		w := s.ask("GET /user/list?limit=2&username_=x&Limit=7", token, "") // what is unknown is ignored
		require.Regexp(t, `^{"code":0,"msg":"查询成功","data":{"users":\[`+
			`{"userid":"25","username":"user22","email":"test@test.com","role":"customer","disabled":false,"created_at":"[^"]+"},`+
			`{"userid":"24",[^}]+}\],"next":"24"}}\n$`, w.Body.String())
		require.Regexp(t, `"users":\[{"userid":"23",.*"next":"4"}}\n$`, s.ask("GET /user/list?after=24", token, "").Body.String(), "20")
		w = s.ask("GET /user/list?after=4&limit=100", token, "")
		require.Regexp(t, `"users":\[{"userid":"3",.*,{"userid":"2","username":"boss",.*"role":"staff".*},{"userid":"1",.*}\]}}\n$`, w.Body.String())
		s.says(`{"code":0,"msg":"查询成功","data":{"users":[]}}`, "GET /user/list?after=1", token, "")
		w = s.ask("GET /user/list?username=%EF%BC%B4EST", token, "")
		require.Regexp(t, `"users":\[{"userid":"1","username":"test",[^}]+}\]}}\n$`, w.Body.String())
		s.says(`{"code":0,"msg":"查询成功","data":{"users":[]}}`, "GET /user/list?username=nobody", token, "")
		for _, query := range []string{
			"limit=0", "limit=101", "limit=01", "limit=+1", "limit=x", "limit=", "limit=1&limit=2", "after=0", "after=x", "after=-1", "after=",
			"after=9223372036854775808", "username=", "username=no%20body", "username=a&username=b", "limit=%zz", "limit=1;after=2",
		} {
			require.Equal(t, 400, s.ask("GET /user/list?"+query, token, "").Code, query)
		}
	})
}

func TestStaffChangesAnAccountAndItsSessionsEnd(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		boss, test := s.login("boss"), s.login("test")
		w := s.ask("POST /user/update/1", boss.Token, `{"role":"staff"}`)
		require.Regexp(t, `^{"code":0,"msg":"修改成功","data":{"userid":"1","username":"test","email":"test@test.com",`+
			`"role":"staff","disabled":false,"created_at":"[^"]+"}}\n$`, w.Body.String())
		s.says(unauthorized, "GET /user/info", test.Token, "")
		require.Equal(t, 401, s.refresh(test.RefreshToken).Code)
		test = s.login("test")
		require.Equal(t, 200, s.ask("GET /user/list", test.Token, "").Code)
		require.Equal(t, 200, s.ask("POST /user/update/1", boss.Token, `{"role":"staff","disabled":false}`).Code)
		s.says(unauthorized, "GET /user/list", test.Token, "") // also where nothing has changed
		test = s.login("test")
		require.Contains(t, s.ask("POST /user/update/1", boss.Token, `{"role":"customer","disabled":true}`).Body.String(),
			`"role":"customer","disabled":true`)
		s.says(unauthorized, "GET /user/list", test.Token, "")
		s.says(`{"code":1,"msg":"用户不存在","data":{}}`, "POST /user/update/99", boss.Token, `{"disabled":true}`)
		s.says(`{"code":403,"msg":"不能修改自己的账户","data":{}}`, "POST /user/update/2", boss.Token, `{"role":"customer"}`)
		for _, id := range []string{"", "/", "/0", "/x", "/01"} {
			s.says(`{"code":400,"msg":"用户编号须为正整数","data":{}}`, "POST /user/update"+id, boss.Token, `{"disabled":true}`)
		}
		for _, body := range []string{
			``, `{}`, `{"role":"owner"}`, `{"role":""}`, `{"role":null}`, `{"disabled":null}`, `{"disabled":"true"}`, `{"disabled":1}`,
			`{"Role":"staff"}`, `[]`,
		} {
			require.Equal(t, 400, s.ask("POST /user/update/1", boss.Token, body).Code, body)
		}
		require.Equal(t, []string{
			"registered", "logged_in", "role_changed", "logged_in", "logged_in", "role_changed", "disabled",
		}, s.eventsOf(1))
	})
}

func TestOfTwoStaffWhoDemoteEachOtherAtOnceOneStays(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		for round := range 10 {
			_, err := db.Exec(t.Context(), "UPDATE users SET role = 'staff', disabled_at = 0")
			require.NoError(t, err)
			tokens := map[int64]string{1: s.login("test").Token, 2: s.login("boss").Token}
			body := []string{`{"role":"customer"}`, `{"disabled":true}`}[round%2]
			var group sync.WaitGroup
			for caller, token := range tokens {
				group.Go(func() {
					if w := s.ask(fmt.Sprint("POST /user/update/", 3-caller), token, body); w.Code >= 500 {
						t.Error(w.Body)
					}
				})
			}
			group.Wait()
			var staff int
			require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE role = 'staff' AND disabled_at = 0").Scan(&staff))
			require.Equal(t, 1, staff)
		}
	})
}

// The role is in the token of a process that has not heard of the change yet.
func TestStaffThatWasDemotedChangesNothingMore(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		here, there := shopOn(t, db, Config{}), shopOn(t, db, Config{})
		here.clock.Store(time.Now().UnixMilli()) // as Grant has it
		there.clock.Store(here.clock.Load())
		token := here.login("boss").Token
		require.NoError(t, Grant(t.Context(), db, "boss", auth.Customer))
		there.says(forbidden, "POST /user/update/1", token, `{"disabled":true}`)
		there.read()
		there.says(unauthorized, "POST /user/update/1", token, `{"disabled":true}`)
	})
}

func TestGrantAndSetPasswordOnTheCommandLine(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		s.clock.Store(time.Now().UnixMilli()) // as Grant has it
		access := s.login("test")
		require.NoError(t, Grant(t.Context(), db, "ＴＥＳＴ", auth.Staff))
		s.read()
		s.says(unauthorized, "GET /user/info", access.Token, "")
		staff := s.login("test")
		require.Equal(t, 200, s.ask("GET /user/list", staff.Token, "").Code)
		require.NoError(t, Grant(t.Context(), db, "test", auth.Customer))
		require.NoError(t, Grant(t.Context(), db, "boss", auth.Customer), "also the last one")
		for range 6 {
			try(s.engine, "test", "guess-1")
		}
		require.NoError(t, SetPassword(t.Context(), db, "test", "mañana1"))
		s.read()
		require.Equal(t, 401, s.refresh(staff.RefreshToken).Code)
		require.Contains(t, try(s.engine, "test", "mañana1").Body.String(), loggedIn, "the failures are forgotten, too")
		require.Equal(t, textPassword, SetPassword(t.Context(), db, "test", "short"))
		for _, name := range []string{"nobody", "no body", ""} {
			require.ErrorIs(t, Grant(t.Context(), db, name, auth.Staff), ErrNoAccount)
			require.ErrorIs(t, SetPassword(t.Context(), db, name, "test123"), ErrNoAccount)
		}
	})
}

func TestSetPasswordStopsWithItsContext(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	shopOn(t, db, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, SetPassword(ctx, db, "test", "test456"))
}
