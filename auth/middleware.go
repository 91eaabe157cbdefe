package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// maxAuthorization is the longest Authorization value that is looked at, in bytes. Ours have about 250.
const maxAuthorization = 4 << 10

// ErrUnauthorized is the answer to a request without a token that is good.
var ErrUnauthorized = &httpapi.Error{
	Status: http.StatusUnauthorized, Code: http.StatusUnauthorized,
	Msg: httpapi.Text{ZH: "请先登录", EN: "log in first"},
}

// Required lets only requests pass that carry a good bearer token (RFC 6750), and answers the others with
// 401 and a challenge.
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
			httpapi.Fail(c, ErrUnauthorized)
			return
		}
		httpapi.SetCaller(c, caller.UserID, caller)
	}
}

var errNoToken = errors.New("none")

func authenticate(tokens *Tokens, authorization []string) (*Caller, error) {
	switch {
	case len(authorization) == 0:
		return nil, errNoToken
	case len(authorization) > 1:
		return nil, errors.New("more than one Authorization header")
	case len(authorization[0]) > maxAuthorization:
		return nil, errors.New("longer than any that we issue")
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, errors.New("not of the scheme Bearer")
	}
	return tokens.verify(strings.TrimLeft(token, " "))
}
