// Package user owns accounts: names, passwords and e-mail addresses, registration and login. It must not know orders.
package user

import (
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
	"golang.org/x/text/secure/precis"

	"userorder/httpapi"
)

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

var (
	textUsername = httpapi.Text{
		ZH: "须为 1 到 64 个字母、数字或常用符号，不含空格",
		EN: "must be 1 to 64 letters, digits or common symbols, without spaces",
	}
	textPassword = httpapi.Text{ZH: "须为 6 到 128 个字符", EN: "must be 6 to 128 characters long"}
	textEmail    = httpapi.Text{ZH: "须为一个有效的邮箱地址", EN: "must be one valid e-mail address"}
)

// username is a name as it was typed, and the key by which names are unique.
type username struct {
	typed string
	key   string
}

// maxUsername is in code points.
const maxUsername = 64

// UnmarshalText accepts what RFC 8265 allows as a UsernameCaseMapped. The same profile makes the key, so that names that
// differ only in case or width are one name.
func (n *username) UnmarshalText(text []byte) error {
	typed := string(text)
	key, err := foldName(typed)
	if err != nil || key == "" || utf8.RuneCountInString(typed) > maxUsername {
		return textUsername
	}
	*n = username{typed: typed, key: key}
	return nil
}

// foldName applies the profile until the name no longer changes: one pass is not idempotent for every name, and a key
// must be its own key (RFC 8264, section 7).
func foldName(name string) (key string, err error) {
	const passes = 4
	for range passes {
		key, err = precis.UsernameCaseMapped.String(name)
		if err != nil || key == name {
			return key, err
		}
		name = key
	}
	return "", textUsername
}

// password is a password that an account may have.
type password string

const minPassword, maxPassword = 6, 128 // code points

// UnmarshalText checks the length alone.
func (p *password) UnmarshalText(text []byte) error {
	if length := utf8.RuneCount(text); length < minPassword || length > maxPassword {
		return textPassword
	}
	*p = password(text)
	return nil
}

// email is one plain addr-spec (RFC 5322, section 3.4.1): no display name, no comment, no quotes.
type email string

// The limits are those of RFC 5321, in bytes.
const maxEmail, maxLocalPart = 254, 64

// UnmarshalText leaves the syntax to the validator that comes with gin.
func (e *email) UnmarshalText(text []byte) error {
	validate := binding.Validator.Engine().(*validator.Validate)
	address := string(text)
	switch at := strings.LastIndexByte(address, '@'); {
	case len(address) > maxEmail, at > maxLocalPart, strings.ContainsRune(address, '"'):
		return textEmail
	case validate.Var(address, "email") != nil:
		return textEmail
	}
	*e = email(address)
	return nil
}
