// Package user owns accounts: names, passwords and e-mail addresses, registration and login, roles, and what people do
// with an account until they leave. It must not know orders.
package user

import (
	"userorder/auth"
	"userorder/event"
	"userorder/httpapi"
)

// account is a user as clients see it.
type account struct {
	ID        int64             `json:"userid,string"`
	Username  string            `json:"username"`
	Email     string            `json:"email"`
	Role      auth.Role         `json:"role"`
	CreatedAt httpapi.Timestamp `json:"created_at"`
}

var (
	errNameTaken   = httpapi.NewBusinessError(httpapi.Text{ZH: "用户名已存在", EN: "the username is taken"})
	errCredentials = httpapi.NewBusinessError(httpapi.Text{ZH: "用户名或密码错误", EN: "wrong username or password"})
	errPassword    = httpapi.NewBusinessError(httpapi.Text{ZH: "密码错误", EN: "wrong password"})
	errDisabled    = httpapi.NewBusinessError(httpapi.Text{ZH: "账户已停用", EN: "the account is disabled"})
	errNotFound    = httpapi.NewBusinessError(httpapi.Text{ZH: "用户不存在", EN: "no such user"})
)

// events is the log of what has happened to accounts.
var events = event.NewLog("user_events")

// The types of events.
const (
	eventRegistered      = "user.registered"
	eventLoggedIn        = "user.logged_in"
	eventLoginFailed     = "user.login_failed"
	eventPasswordChanged = "user.password_changed"
	eventPasswordReset   = "user.password_reset"
	eventEmailChanged    = "user.email_changed"
	eventRoleChanged     = "user.role_changed"
	eventDisabled        = "user.disabled"
	eventEnabled         = "user.enabled"
	eventErased          = "user.erased"
	eventSessionReused   = "user.session_reused"
)
