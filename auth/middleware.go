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
	errUnauthorized = httpapi.NewError(http.StatusUnauthorized, httpapi.Text{ZH: "请先登录", EN: "log in first"})

	// ErrForbidden means that the caller may not do this.
	ErrForbidden = httpapi.NewError(http.StatusForbidden, httpapi.Text{ZH: "权限不足", EN: "permission denied"})
)

// Required returns a handler that lets requests with a valid bearer token (RFC 6750) pass, and answers all others with
// 401 and a challenge, which says why a token was refused as far as its sender may know. It logs the whole reason.
func Required(tokens *Tokens) gin.HandlerFunc {
	return func(c *gin.Context) {
		caller, err := authenticate(tokens, c.Request.Header.Values("Authorization"))
		if err != nil {
			httpapi.Fail(c, Unauthorized(c, err))
			return
		}
		httpapi.SetCaller(c, caller.UserID, caller)
	}
}

// Unauthorized returns the error of a 401 if err means that a credential was refused, and err itself otherwise. It adds
// the challenge, which says why it was refused as far as its sender may know. The log gets the whole of err.
func Unauthorized(c *gin.Context, err error) error {
	if _, ok := errors.AsType[*refusal](err); !ok {
		return err
	}
	c.Header("WWW-Authenticate", challenge(err))
	httpapi.Annotate(c, slog.String("token", err.Error()))
	return errUnauthorized
}

// Only returns the error of a 403 unless the caller of a request has a role. It is for handlers, after all of the request
// was checked: what is wrong with it comes first. It panics on a route without Required, which is a wiring bug.
func Only(c *gin.Context, role Role) error {
	if CallerOf(c).Role != role {
		return ErrForbidden
	}
	return nil
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
