// Package user owns accounts: names, passwords and e-mail addresses, registration and login. It must not know orders.
package user

import "userorder/httpapi"

// account is a user as clients see it.
type account struct {
	ID       int64  `json:"userid,string"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

var (
	errNameTaken   = httpapi.NewBusinessError(httpapi.Text{ZH: "用户名已存在", EN: "the username is taken"})
	errCredentials = httpapi.NewBusinessError(httpapi.Text{ZH: "用户名或密码错误", EN: "wrong username or password"})
	errNotFound    = httpapi.NewBusinessError(httpapi.Text{ZH: "用户不存在", EN: "no such user"})
)
