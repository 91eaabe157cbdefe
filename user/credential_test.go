package user

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
)

func TestAChangeOfThePasswordKeepsThisSessionAndEndsAllOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		phone, this, boss := s.login("test"), s.login("test"), s.login("boss")
		w := s.ask("POST /user/password", this.Token, `{"old_password":"test123","new_password":"test456"}`)
		require.Contains(t, w.Body.String(), `{"code":0,"msg":"修改成功","data":{"token":"`)
		changed := s.granted(w)
		require.Equal(t, 401, s.ask("GET /user/info", phone.Token, "").Code)
		require.Equal(t, 401, s.refresh(phone.RefreshToken).Code)
		require.Equal(t, 401, s.refresh(this.RefreshToken).Code, "the old refresh token is void at once")
		require.Equal(t, 200, s.ask("GET /user/info", this.Token, "").Code, "the session goes on")
		require.Equal(t, 200, s.ask("GET /user/info", changed.Token, "").Code)
		require.Equal(t, 200, s.refresh(changed.RefreshToken).Code)
		require.Equal(t, 200, s.ask("GET /user/info", boss.Token, "").Code, "another user's")
		require.Contains(t, try(s.engine, "test", "test123").Body.String(), refused)
		require.Contains(t, try(s.engine, "test", "test456").Body.String(), loggedIn)
		require.Equal(t, []string{"registered", "logged_in", "logged_in", "password_changed", "login_failed", "logged_in"}, s.eventsOf(1))
	})
}

func TestAChangeOfThePasswordThatIsRefused(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		token := s.login("test").Token
		for body, want := range map[string]string{
			`{"old_password":"test124","new_password":"test456"}`: `{"code":1,"msg":"密码错误","data":{}}`,
			`{"old_password":"x","new_password":"test456"}`:       `{"code":1,"msg":"密码错误","data":{}}`,
			`{"old_password":"test123","new_password":"short"}`:   `{"code":400,"msg":"参数错误","data":{"errors":[{"field":"new_password","msg":"须为 6 到 128 个字符"}]}}`,
			`{"old_password":"","new_password":"test456"}`:        `{"code":400,"msg":"参数错误","data":{"errors":[{"field":"old_password","msg":"不能为空"}]}}`,
			`{"new_password":"test456"}`:                          `{"code":400,"msg":"参数错误","data":{"errors":[{"field":"old_password","msg":"缺少该字段"}]}}`,
		} {
			s.says(want, "POST /user/password", token, body)
		}
		require.Equal(t, 401, s.ask("POST /user/password", "", `{}`).Code)
		require.Equal(t, 200, s.ask("GET /user/info", token, "").Code)
		s.login("test")
	})
}

func TestWrongPasswordsCountWhereverTheyAreGiven(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		token := s.login("test").Token
		wrong := []struct{ line, body string }{
			{"POST /user/password", `{"old_password":"test124","new_password":"test456"}`},
			{"POST /user/email", `{"email":"c@d.com","password":"test124"}`},
			{"DELETE /user/account", `{"password":"test124"}`},
			{"POST /user/password", `{"old_password":"test124","new_password":"test456"}`},
			{"DELETE /user/account", `{"password":"test124"}`},
		}
		for _, request := range wrong {
			s.says(`{"code":1,"msg":"密码错误","data":{}}`, request.line, token, request.body)
		}
		for _, request := range wrong[:3] {
			w := s.ask(request.line, token, request.body)
			require.Equal(t, 429, w.Code, request.line)
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		}
		require.Equal(t, "1", outcome(try(s.engine, "test", "test124")), "it is the same count as that of logins")
	})
}

func TestAChangeOfTheEMailAddress(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		token := s.login("test").Token
		s.says(`{"code":1,"msg":"密码错误","data":{}}`, "POST /user/email", token, `{"email":"c@d.com","password":"test124"}`)
		require.Equal(t, 400, s.ask("POST /user/email", token, `{"email":"c@d","password":"test123"}`).Code)
		require.Contains(t, s.ask("GET /user/info", token, "").Body.String(), `"email":"test@test.com"`)
		s.says(`{"code":0,"msg":"修改成功","data":{}}`, "POST /user/email", token, `{"email":"c@d.com","password":"test123"}`)
		require.Contains(t, s.ask("GET /user/info", token, "").Body.String(), `"email":"c@d.com"`)
		require.Equal(t, []string{"registered", "logged_in", "login_failed", "email_changed"}, s.eventsOf(1))
	})
}

// Whoever knows the old password and logs in while it is being changed must not have a session afterwards.
func TestALoginWithTheOldPasswordDoesNotOutliveTheChange(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		name := username{typed: "test", key: "test"}
		this := s.login("test")
		stored, err := s.store().credentials(t.Context(), name) // the thief's password was found right
		require.NoError(t, err)
		s.granted(s.ask("POST /user/password", this.Token, `{"old_password":"test123","new_password":"test456"}`))
		_, err = s.store().logIn(t.Context(), stored.id, stored.hash, stored.hash, client{})
		require.ErrorIs(t, err, errCredentials)

		for range 5 { // both at once: the session is refused or ended
			var thief auth.Session
			var failure error
			current, err := s.store().credentials(t.Context(), name)
			require.NoError(t, err)
			caller := auth.Caller{UserID: 1, Role: auth.Customer}
			var group sync.WaitGroup
			group.Go(func() { thief, failure = s.store().logIn(t.Context(), 1, current.hash, current.hash, client{}) })
			group.Go(func() {
				if _, err := s.store().changePassword(t.Context(), caller, current.hash, current.hash+"x", client{}); err != nil {
					t.Error(err)
				}
			})
			group.Wait()
			if failure != nil {
				require.ErrorIs(t, failure, errCredentials)
				continue
			}
			sessions, err := s.store().sessions.List(t.Context(), 1)
			require.NoError(t, err)
			for _, session := range sessions {
				require.NotEqual(t, thief.ID, session.ID, "the thief is in")
			}
		}
	})
}

func TestADisabledAccountIsToldAfterTheRightPasswordOnly(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		boss, test := s.login("boss"), s.login("test")
		require.Equal(t, 200, s.ask("POST /user/update/1", boss.Token, `{"disabled":true}`).Code)
		require.Equal(t, 401, s.ask("GET /user/info", test.Token, "").Code)
		require.Equal(t, 401, s.refresh(test.RefreshToken).Code)
		require.Contains(t, try(s.engine, "test", "test124").Body.String(), refused)
		require.JSONEq(t, `{"code":1,"msg":"账户已停用","data":{}}`, try(s.engine, "test", "test123").Body.String())
		require.Equal(t, 200, s.ask("POST /user/update/1", boss.Token, `{"disabled":false}`).Code)
		s.login("test")
		require.Equal(t, []string{"registered", "logged_in", "disabled", "login_failed", "enabled", "logged_in"}, s.eventsOf(1))
	})
}

func TestAnAccountThatIsGoneHasNoPasswordToChange(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		token, err := s.module.tokens.Issue(auth.Caller{UserID: 404})
		require.NoError(t, err)
		gone := `{"code":1,"msg":"用户不存在","data":{}}`
		s.says(gone, "POST /user/password", token, `{"old_password":"test123","new_password":"test456"}`)
		s.says(gone, "POST /user/email", token, `{"email":"c@d.com","password":"test123"}`)
		s.says(gone, "DELETE /user/account", token, `{"password":"test123"}`)
		s.says(gone, "GET /user/export", token, "")
	})
}

// The owner logs in from somewhere of late; a stranger who knows the name guesses without end.
func TestAStrangerWhoGuessesDoesNotKeepTheOwnerOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		require.Equal(t, "in", s.tryFrom("198.51.100.7", "test123"))
		refusals := 0
		for range 20 {
			for range 6 {
				if s.tryFrom("203.0.113.9", "guess-1") != "wrong" {
					refusals++
				}
			}
			require.NotEqual(t, "in", s.tryFrom("203.0.113.9", "test123"), "a stranger gets in during the delay")
			require.Equal(t, "in", s.tryFrom("198.51.100.7", "test123"), "the owner is kept out")
			s.advance(500 * time.Millisecond)
		}
		require.Greater(t, refusals, 100)
		require.NotEqual(t, "in", s.tryFrom("192.0.2.99", "test123"), "the owner at a new place has to wait")
		s.advance(time.Hour)
		require.Equal(t, "in", s.tryFrom("192.0.2.99", "test123"))
	})
}

// tryFrom returns the outcome of a login from an address.
func (s *shop) tryFrom(address, plain string) string {
	return outcome(s.from(address, "POST /user/login", `{"username":"test","password":"`+plain+`"}`))
}

func TestGuessesFromAKnownNetworkHaveACountOfTheirOwn(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		require.Equal(t, "in", s.tryFrom("198.51.100.7", "test123"))
		for range 5 {
			require.Equal(t, "wrong", s.tryFrom("203.0.113.9", "guess-1"))
		}
		for range 5 { // from a network of the owner's, where a thief may sit, too
			require.Equal(t, "1", s.tryFrom("198.51.100.7", "guess-2"), "the answer is that to a stranger")
		}
		require.Equal(t, "1", s.tryFrom("198.51.100.7", "test123"), "guessing goes on without end from there")
		s.advance(time.Second)
		require.Equal(t, "in", s.tryFrom("198.51.100.7", "test123"))
	})
}

// What is wrong has the same answer from a known and from an unknown network, and for a name that nobody has.
func TestNoAnswerTellsWhichNetworksOrNamesAreKnown(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{Throttle: usual})
		require.Equal(t, "in", s.tryFrom("198.51.100.7", "test123"))
		for _, step := range []time.Duration{0, 0, 0, 0, 0, 0, 0, time.Second, 0, 0, 2 * time.Second, 0, time.Minute, 0} {
			s.advance(step)
			known := s.from("198.51.100.7", "POST /user/login", `{"username":"test","password":"guess-1"}`)
			nobody := s.from("198.51.100.7", "POST /user/login", `{"username":"nobody","password":"guess-1"}`)
			require.Equal(t, nobody.Code, known.Code)
			require.Equal(t, nobody.Body.String(), known.Body.String())
			require.Equal(t, nobody.Header().Get("Retry-After"), known.Header().Get("Retry-After"))
		}
	})
}

func TestOnly16NetworksOfAnAccountAreKnownAndFor30Days(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := shopOn(t, db, Config{})
		known := func(address string) bool {
			network, err := netip.MustParseAddr(address).Prefix(map[bool]int{true: 32, false: 64}[strings.Contains(address, ".")])
			require.NoError(t, err)
			is, err := s.store().isKnown(t.Context(), 1, client{network: network}, time.UnixMilli(s.clock.Load()))
			require.NoError(t, err)
			return is
		}
		for i := range 17 {
			s.advance(time.Minute)
			require.Equal(t, "in", s.tryFrom(fmt.Sprint("198.51.100.", i+1), "test123"))
		}
		require.True(t, known("198.51.100.2"))
		require.False(t, known("198.51.100.1"))
		var rows int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM login_addresses").Scan(&rows))
		require.Equal(t, 16, rows)
		require.Equal(t, "in", s.tryFrom("2001:db8::1", "test123"))
		require.True(t, known("2001:db8::ffff"), "a network of IPv6 is one client")
		s.advance(30*24*time.Hour - time.Minute)
		require.True(t, known("2001:db8::1"))
		s.advance(2 * time.Minute)
		require.False(t, known("2001:db8::1"))
		_, err := jobOf(t, s.module, "login_addresses").Do(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM login_addresses").Scan(&rows))
		require.Zero(t, rows)
	})
}
