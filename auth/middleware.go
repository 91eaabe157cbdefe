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
		userID, err := authenticate(tokens, c.Request.Header.Values("Authorization"))
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
		httpapi.SetUser(c, userID)
	}
}

// CallerID returns the user whose token the request carries. It panics on a route without Required: that
// is a wiring bug.
func CallerID(c *gin.Context) int64 {
	id := httpapi.User(c)
	if id == 0 {
		panic("auth: a route that asks for its caller is not behind Required")
	}
	return id
}

var errNoToken = errors.New("none")

func authenticate(tokens *Tokens, authorization []string) (userID int64, err error) {
	switch {
	case len(authorization) == 0:
		return 0, errNoToken
	case len(authorization) > 1:
		return 0, errors.New("more than one Authorization header")
	case len(authorization[0]) > maxAuthorization:
		return 0, errors.New("longer than any that we issue")
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return 0, errors.New("not of the scheme Bearer")
	}
	return tokens.Verify(strings.TrimLeft(token, " "))
}
