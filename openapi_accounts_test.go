package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
	"userorder/user"
)

// withMail names a mail server that does not exist.
var withMail = []string{
	"SMTP_URL", "smtp://127.0.0.1:9", "MAIL_FROM", "shop@example.com", "RESET_URL", "https://shop.example.com/reset?token={token}",
}

// forgotten is the operation that asks the database after its answer, if at all.
const forgotten = "POST /user/password/forgot"

// granted is what a login, a refresh and a change of the password answer.
type granted struct {
	Token   string
	Refresh string `json:"refresh_token"`
}

// refreshToken returns a refresh token of the test user, whom it registers unless the name is taken. It compares nothing
// with the document.
func refreshToken(t *testing.T, api *service) string {
	t.Helper()
	require.Equal(t, 200, httpapitest.Call(api.engine, "POST /user/register", "", testUser).Code)
	var answer struct{ Data granted }
	w := httpapitest.Call(api.engine, "POST /user/login", "", testUser)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.NotEmpty(t, answer.Data.Refresh, w.Body)
	return answer.Data.Refresh
}

// mailing returns the accounts of api with another mail server.
func mailing(t *testing.T, api *service, tokens *auth.Tokens, send func(user.WriteMail) bool) http.Handler {
	t.Helper()
	users, err := user.New(t.Context(), user.Config{
		DB: api.databases["user"], Tokens: tokens, Ended: api.accounts.ended, SessionTTL: time.Hour, HashConcurrency: 1,
		Mail: send, ResetURL: "{token}",
	})
	require.NoError(t, err)
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	users.Mount(engine.Group("/user"))
	return engine
}

// accounts asks for every answer about accounts and sessions that depends on what was done before.
func (c *contract) accounts(t *testing.T) {
	api := whole(t)
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour, Ended: api.accounts.ended})
	require.NoError(t, err)
	link := ""
	engine := mailing(t, api, tokens, func(write user.WriteMail) bool {
		mail, err := write(t.Context())
		require.NoError(t, err)
		if mail != nil {
			link = strings.Split(mail.Text, "\n\n")[2]
		}
		return true
	})
	// say sends a request, and checks its status and message.
	say := func(want, line, token, body string) granted {
		t.Helper()
		r := httpapitest.Request(line, token, body)
		require.NoError(t, c.allows(r), line)
		w := c.send(t, engine, r)
		var answer struct {
			Msg  string
			Data granted
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		require.Equal(t, want, fmt.Sprint(w.Code, " ", answer.Msg), line)
		return answer.Data
	}
	without := func(account int64) string { // a session: such a token another holder of the secret signs
		token, err := tokens.Issue(auth.Caller{UserID: account})
		require.NoError(t, err)
		return token
	}
	login := func() granted { t.Helper(); return say("200 登录成功", "POST /user/login", "", testUser) }
	say("200 注册成功", "POST /user/register", "", testUser)
	say("200 注册成功", "POST /user/register", "", otherUser)

	first, second := login(), login()
	renewed := say("200 刷新成功", "POST /user/refresh", "", `{"refresh_token":"`+first.Refresh+`"}`)
	say("200 查询成功", "GET /user/sessions", second.Token, "")
	say("200 已结束", "DELETE /user/sessions/1", second.Token, "")
	say("200 会话不存在", "DELETE /user/sessions/1", second.Token, "")
	say("401 请先登录", "GET /user/info", renewed.Token, "")
	say("401 请先登录", "POST /user/refresh", "", `{"refresh_token":"`+renewed.Refresh+`"}`)
	say("401 请先登录", "POST /user/refresh", "", `{"refresh_token":"x"}`)
	say("200 退出成功", "POST /user/logout", second.Token, "")
	say("401 请先登录", "GET /user/sessions", second.Token, "")

	token := login().Token
	say("200 密码错误", "POST /user/password", token, `{"old_password":"wrong-one","new_password":"test456"}`)
	token = say("200 修改成功", "POST /user/password", token, `{"old_password":"test123","new_password":"test456"}`).Token
	say("200 密码错误", "POST /user/email", token, `{"email":"new@test.com","password":"test123"}`)
	say("200 修改成功", "POST /user/email", token, `{"email":"new@test.com","password":"test456"}`)
	say("200 查询成功", "GET /user/export", token, "")
	say("403 权限不足", "GET /user/list", token, "")
	say("403 权限不足", "POST /user/update/2", token, `{"role":"staff"}`)

	say("200 如果账户存在，邮件已发送", forgotten, "", `{"username":"TEST"}`)
	reset := `{"token":"` + link + `","new_password":"test123"}`
	say("200 重置成功", "POST /user/password/reset", "", reset)
	say("200 链接无效或已过期", "POST /user/password/reset", "", reset)
	say("401 请先登录", "GET /user/export", token, "")

	require.NoError(t, user.Grant(t.Context(), api.databases["user"], "test", auth.Staff))
	token = login().Token
	say("200 查询成功", "GET /user/list?limit=1", token, "")
	say("200 查询成功", "GET /user/list?username=OTHER", token, "")
	say("200 修改成功", "POST /user/update/2", token, `{"disabled":true}`)
	say("200 用户不存在", "POST /user/update/3", token, `{"disabled":true}`)
	say("403 不能修改自己的账户", "POST /user/update/1", token, `{"role":"customer"}`)
	say("200 账户已停用", "POST /user/login", "", otherUser)
	say("200 密码错误", "DELETE /user/account", token, `{"password":"wrong-one"}`)
	say("200 至少保留一个管理员", "DELETE /user/account", token, `{"password":"test123"}`)

	for account, want := range map[int64]string{2: "200 账户已停用", 3: "200 用户不存在"} {
		say(want, "POST /user/password", without(account), `{"old_password":"other123","new_password":"test456"}`)
		say(want, "POST /user/email", without(account), `{"email":"new@test.com","password":"other123"}`)
		say(want, "DELETE /user/account", without(account), `{"password":"other123"}`)
	}
	say("200 用户不存在", "GET /user/export", without(3), "")
	say("200 修改成功", "POST /user/update/2", token, `{"disabled":false}`)
	say("200 注销成功", "DELETE /user/account", without(2), `{"password":"other123"}`)
	c.noMail(t, api, tokens)
}

// noMail asks for a mail where none can be sent.
func (c *contract) noMail(t *testing.T, api *service, tokens *auth.Tokens) {
	ask := func() *http.Request { return httpapitest.Request(forgotten, "", `{"username":"test"}`) }
	require.Equal(t, 501, c.send(t, api.engine, ask()).Code)
	full := mailing(t, api, tokens, func(user.WriteMail) bool { return false })
	require.Equal(t, 503, c.send(t, full, ask()).Code)
}

// guesses sends wrong passwords to every route that takes one, until the account is throttled.
func (c *contract) guesses(t *testing.T) {
	for line, body := range map[string]string{
		"POST /user/login":     `{"username":"test","password":"wrong-one"}`,
		"POST /user/password":  `{"old_password":"wrong-one","new_password":"test456"}`,
		"POST /user/email":     `{"email":"new@test.com","password":"wrong-one"}`,
		"DELETE /user/account": `{"password":"wrong-one"}`,
	} {
		throttled := whole(t, "RATE_LIMIT", "on", "LOGIN_FAILURES", "1/15m")
		token := member(t, throttled.engine, testUser)
		for _, want := range []int{200, 429} {
			require.Equal(t, want, c.send(t, throttled.engine, httpapitest.Request(line, token, body)).Code, line)
		}
	}
}
