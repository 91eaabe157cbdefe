package user

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
)

// postman takes mails and writes them when a test says so.
type postman struct {
	queue []WriteMail
	full  bool
}

func (p *postman) add(write WriteMail) bool {
	if p.full {
		return false
	}
	p.queue = append(p.queue, write)
	return true
}

// deliver returns the mails that are in the queue, without those that nobody gets.
func (p *postman) deliver(t *testing.T) (mails []Mail) {
	t.Helper()
	for _, write := range p.queue {
		mail, err := write(context.Background())
		require.NoError(t, err)
		if mail != nil {
			mails = append(mails, *mail)
		}
	}
	p.queue = nil
	return mails
}

var resetLink = regexp.MustCompile(`https://shop\.example\.com/reset\?token=([A-Za-z0-9_-]{43})\b`)

// tokenIn returns the token of a mail.
func tokenIn(t *testing.T, mail Mail) string {
	t.Helper()
	found := resetLink.FindStringSubmatch(mail.Text)
	require.NotNil(t, found, mail.Text)
	return found[1]
}

func mailingShop(t *testing.T, db *database.DB) (*shop, *postman) {
	p := &postman{}
	return shopOn(t, db, Config{Mail: p.add, ResetURL: "https://shop.example.com/reset?token={token}", Throttle: usual}), p
}

const mailed = `{"code":0,"msg":"如果账户存在，邮件已发送","data":{}}`

func (s *shop) forget(t *testing.T, p *postman, name string) []Mail {
	t.Helper()
	s.says(mailed, "POST /user/password/forgot", "", `{"username":"`+name+`"}`)
	return p.deliver(t)
}

// reset returns the code and the message of the answer to a reset.
func (s *shop) reset(token string) string {
	var answer struct {
		Code int
		Msg  string
	}
	body := s.ask("POST /user/password/reset", "", `{"token":"`+token+`","new_password":"test456"}`).Body.Bytes()
	require.NoError(s.t, json.Unmarshal(body, &answer))
	return fmt.Sprint(answer.Code, " ", answer.Msg)
}

const (
	resetDone = "0 重置成功"
	badLink   = "1 链接无效或已过期"
)

func TestAForgottenPasswordIsResetByALinkInAMail(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		access := s.login("test")
		for range 6 { // the throttle of the account is forgotten, too
			try(s.engine, "test", "guess-1")
		}
		require.Equal(t, 429, try(s.engine, "test", "guess-1").Code)
		mails := s.forget(t, p, "ＴＥＳＴ")
		require.Len(t, mails, 1)
		require.Equal(t, "test@test.com", mails[0].To)
		require.Equal(t, "重置密码", mails[0].Subject)
		require.Contains(t, mails[0].Text, "您好：\n")
		token := tokenIn(t, mails[0])
		require.Equal(t, resetDone, s.reset(token))
		require.Equal(t, badLink, s.reset(token), "it is good once")
		require.Equal(t, 401, s.ask("GET /user/info", access.Token, "").Code)
		require.Equal(t, 401, s.refresh(access.RefreshToken).Code)
		require.Contains(t, try(s.engine, "test", "test456").Body.String(), loggedIn)
		require.Contains(t, s.eventsOf(1), "password_reset")
		var hashes string
		require.NoError(t, db.QueryRow(t.Context(), "SELECT token_hash FROM password_resets").Scan(&hashes))
		require.NotContains(t, hashes, token)
	})
}

func TestTheMailIsInTheLanguageOfTheRequest(t *testing.T) {
	s, p := mailingShop(t, databasetest.Open(t, databasetest.SQLite(t)))
	r := httpapitest.Request("POST /user/password/forgot", "", `{"username":"test"}`)
	r.Header.Set("Accept-Language", "en")
	require.Contains(t, httpapitest.Serve(s.engine, r).Body.String(), "if the account exists, a mail was sent")
	mail := p.deliver(t)[0]
	require.Equal(t, "Reset your password", mail.Subject)
	require.Contains(t, mail.Text, "Hello,\n")
}

func TestALinkIsGoodFor30MinutesAndUntilTheNextOne(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		first := tokenIn(t, s.forget(t, p, "test")[0])
		second := tokenIn(t, s.forget(t, p, "test")[0])
		require.Equal(t, badLink, s.reset(first))
		s.advance(30 * time.Minute)
		require.Equal(t, badLink, s.reset(second))
		third := tokenIn(t, s.forget(t, p, "test")[0])
		s.advance(30*time.Minute - time.Millisecond)
		require.Equal(t, resetDone, s.reset(third))
	})
}

func TestAChangeOfThePasswordOrTheAddressVoidsALink(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		token := s.login("test").Token
		link := tokenIn(t, s.forget(t, p, "test")[0])
		require.Equal(t, 200, s.ask("POST /user/email", token, `{"email":"c@d.com","password":"test123"}`).Code)
		require.Equal(t, badLink, s.reset(link))
		link = tokenIn(t, s.forget(t, p, "test")[0])
		s.granted(s.ask("POST /user/password", token, `{"old_password":"test123","new_password":"test123"}`))
		require.Equal(t, badLink, s.reset(link))
	})
}

func TestAnAccountGets3MailsAnHour(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		for range 2 {
			require.Len(t, s.forget(t, p, "test"), 1)
		}
		require.Equal(t, resetDone, s.reset(tokenIn(t, s.forget(t, p, "test")[0])))
		require.Empty(t, s.forget(t, p, "test"), "the fourth")
		require.Len(t, s.forget(t, p, "boss"), 1)
		s.advance(time.Hour)
		require.Len(t, s.forget(t, p, "test"), 1)
		_, err := jobOf(t, s.module, "password_resets").Do(t.Context())
		require.NoError(t, err)
		s.advance(time.Hour + time.Millisecond)
		_, err = jobOf(t, s.module, "password_resets").Do(t.Context())
		require.NoError(t, err)
		var rows int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM password_resets").Scan(&rows))
		require.Zero(t, rows)
	})
}

// Anybody can register with somebody else's address.
func TestAnAddressGets10MailsAnHourHoweverManyAccountsNameIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db) // whose accounts have one address
		mails := 0
		for i := range 12 {
			insertCheaply(t, s.store(), fmt.Sprint("http://evil.example/", i), "test123")
			for _, mail := range s.forget(t, p, fmt.Sprint("http://evil.example/", i)) {
				require.NotContains(t, mail.Text, "evil")
				mails++
			}
		}
		require.Equal(t, 10, mails)
		_, err := db.Exec(t.Context(), "UPDATE users SET email = 'other@test.com' WHERE id = 1")
		require.NoError(t, err)
		require.Len(t, s.forget(t, p, "test"), 1)
	})
}

func TestTheLimitOfMailsHoldsForRequestsAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		for range 12 {
			s.says(mailed, "POST /user/password/forgot", "", `{"username":"test"}`)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		sent := 0
		for _, write := range p.queue {
			group.Go(func() {
				mail, err := write(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if mail != nil {
					sent++
				}
			})
		}
		group.Wait()
		require.Equal(t, 3, sent)
	})
}

// The answer is there before anybody has looked whether the name has an account.
func TestTheAnswerToAForgottenPasswordTellsNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		boss := s.login("boss").Token
		require.Equal(t, 200, s.ask("POST /user/update/1", boss, `{"disabled":true}`).Code)
		require.Empty(t, s.forget(t, p, "nobody"))
		require.Empty(t, s.forget(t, p, "test"), "a disabled account")
		p.full = true
		w := s.ask("POST /user/password/forgot", "", `{"username":"boss"}`)
		require.Equal(t, 503, w.Code)
		require.Equal(t, "30", w.Header().Get("Retry-After"))
		require.Equal(t, 400, s.ask("POST /user/password/forgot", "", `{"username":"no body"}`).Code)
	})
}

func TestALinkOfADisabledOrErasedAccountIsInvalid(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, p := mailingShop(t, db)
		boss := s.login("boss").Token
		link := tokenIn(t, s.forget(t, p, "test")[0])
		require.Equal(t, 200, s.ask("POST /user/update/1", boss, `{"disabled":true}`).Code)
		require.Equal(t, badLink, s.reset(link))
		require.Equal(t, 200, s.ask("POST /user/update/1", boss, `{"disabled":false}`).Code)
		link = tokenIn(t, s.forget(t, p, "test")[0])
		token := s.login("test").Token
		require.Equal(t, 200, s.ask("DELETE /user/account", token, `{"password":"test123"}`).Code)
		require.Equal(t, badLink, s.reset(link))
	})
}

func TestWithoutAMailServerNoPasswordIsForgotten(t *testing.T) {
	s := shopOn(t, databasetest.Open(t, databasetest.SQLite(t)), Config{})
	w := s.ask("POST /user/password/forgot", "", `{"username":"test"}`)
	require.Equal(t, 501, w.Code)
	var answer struct{ Code int }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, 501, answer.Code)
	require.Equal(t, badLink, s.reset("x"))
}
