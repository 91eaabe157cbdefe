package auth

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// maxAuthorization is the maximum length of an Authorization header, in bytes. Ours have about 250.
const maxAuthorization = 4 << 10

var (
	errUnauthorized = httpapi.NewError(http.StatusUnauthorized, httpapi.Text{ZH: "请先登录", EN: "log in first"})
	errForbidden    = httpapi.NewError(http.StatusForbidden, httpapi.Text{ZH: "权限不足", EN: "permission denied"})
)

// Required returns a handler that lets requests with a valid bearer token (RFC 6750) pass, and answers all others with
// 401 and a challenge, which says why a token was refused as far as its sender may know. It logs the whole reason.
func Required(tokens *Tokens) gin.HandlerFunc {
	return func(c *gin.Context) {
		caller, err := authenticate(tokens, c.Request.Header.Values("Authorization"))
		if err != nil {
			c.Header("WWW-Authenticate", challenge(err))
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

// authenticate returns the caller that the values of Authorization name. Another scheme is treated like no header: RFC
// 6750, section 3.1 wants no error for either.
func authenticate(tokens *Tokens, authorization []string) (*Caller, error) {
	switch {
	case len(authorization) == 0:
		return nil, refuse(nil, "none")
	case len(authorization) > 1:
		return nil, refuse(repeated, "more than one Authorization header")
	case len(authorization[0]) > maxAuthorization:
		return nil, refuse(malformed, "the Authorization header is longer than 4 KiB")
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, refuse(nil, "the scheme is not Bearer")
	}
	return tokens.verify(strings.TrimLeft(token, " "))
}
