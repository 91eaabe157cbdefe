package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// maxAuthorization is the maximum length of an Authorization header, in bytes. Ours have about 250.
const maxAuthorization = 4 << 10

var (
	errUnauthorized = &httpapi.Error{
		Status: http.StatusUnauthorized, Code: http.StatusUnauthorized,
		Msg: httpapi.Text{ZH: "请先登录", EN: "log in first"},
	}
	errForbidden = &httpapi.Error{
		Status: http.StatusForbidden, Code: http.StatusForbidden,
		Msg: httpapi.Text{ZH: "权限不足", EN: "permission denied"},
	}

	errNoToken = errors.New("none")
)

// Required returns a handler that lets requests with a valid bearer token (RFC 6750) pass, and answers all others with
// 401 and a challenge. It logs why a token was refused.
func Required(tokens *Tokens) gin.HandlerFunc {
	return func(c *gin.Context) {
		caller, err := authenticate(tokens, c.Request.Header.Values("Authorization"))
		if err != nil {
			challenge := `Bearer realm="userorder"`
			if !errors.Is(err, errNoToken) {
				challenge += `, error="invalid_token"`
			}
			c.Header("WWW-Authenticate", challenge)
			httpapi.Annotate(c, slog.String("token", err.Error()))
			httpapi.Fail(c, errUnauthorized)
			return
		}
		httpapi.SetCaller(c, caller.UserID, caller)
	}
}

// Only returns a handler that lets callers of one role pass and answers all others with 403. It must come after
// Required.
func Only(role Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		if CallerOf(c).Role != role {
			httpapi.Fail(c, errForbidden)
		}
	}
}

func authenticate(tokens *Tokens, authorization []string) (*Caller, error) {
	switch {
	case len(authorization) == 0:
		return nil, errNoToken
	case len(authorization) > 1:
		return nil, errors.New("more than one Authorization header")
	case len(authorization[0]) > maxAuthorization:
		return nil, errors.New("the Authorization header is longer than 4 KiB")
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, errors.New("the scheme is not Bearer")
	}
	return tokens.verify(strings.TrimLeft(token, " "))
}
