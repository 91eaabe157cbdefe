package auth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// newEngine returns an engine that logs to log.
func newEngine(t *testing.T, log io.Writer) *gin.Engine {
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.NewTextHandler(log, nil)), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	return engine
}

func TestRequired(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	engine := newEngine(t, io.Discard)
	var caller auth.Caller
	engine.GET("/mine", auth.Required(tokens), httpapi.Handle(func(c *gin.Context) error {
		caller = auth.CallerOf(c)
		return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
	}))
	const invalid = `Bearer realm="userorder", error="invalid_token"`
	for _, test := range []struct {
		name          string
		authorization []string
		status        int
		challenge     string
	}{
		{"a good token", []string{"Bearer " + token}, 200, ""},
		{"the scheme in lower case", []string{"bearer " + token}, 200, ""},
		{"the scheme in upper case", []string{"BEARER " + token}, 200, ""},
		{"more than one space", []string{"Bearer   " + token}, 200, ""},
		{"no header", nil, 401, `Bearer realm="userorder"`},
		{"an empty header", []string{""}, 401, invalid},
		{"the token alone", []string{token}, 401, invalid},
		{"the scheme alone", []string{"Bearer"}, 401, invalid},
		{"another scheme", []string{"Basic dGVzdDp0ZXN0"}, 401, invalid},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, 401, invalid},
		{"two tokens", []string{"Bearer " + token + " " + token}, 401, invalid},
		{"two tokens with a comma", []string{"Bearer " + token + ", Bearer " + token}, 401, invalid},
		{"more than 4 KiB", []string{"Bearer " + strings.Repeat("x", 4096)}, 401, invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller = auth.Caller{}
			r := httpapitest.Request("GET /mine", "", "")
			r.Header["Authorization"] = test.authorization
			w := httpapitest.Serve(engine, r)
			require.Equal(t, test.status, w.Code)
			require.Equal(t, test.challenge, w.Header().Get("WWW-Authenticate"))
			if test.status == http.StatusOK {
				require.Equal(t, auth.Caller{UserID: 7, Role: auth.Customer}, caller)
				return
			}
			require.Zero(t, caller, "the handler ran")
			require.JSONEq(t, `{"code":401,"msg":"请先登录","data":{}}`, w.Body.String())
		})
	}
}

func TestTheLogSaysWhyATokenWasRefused(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	token := func(claims string) string { return "Bearer " + sign(sha256.New, secret, hs256, claims) }
	for _, test := range []struct{ name, authorization, want string }{
		{"another scheme", "Basic dGVzdDp0ZXN0", `"the scheme is not Bearer"`},
		{"a long header", "Bearer " + strings.Repeat("x", 4096), `"the Authorization header is longer than 4 KiB"`},
		{"two subs", token(`{"sub":"8","sub":"7","exp":1800003600}`), `claims: duplicate name"`},
		{"a lone surrogate", token(`{"sub":"7","exp":1800003600,"x":"\ud800"}`), `claims: lone surrogate in a string"`},
		{"claims that are not an object", token(`["sub"]`), `claims: not a JSON object"`},
		{"a sub in another case", token(`{"SUB":"7","exp":1800003600}`), `claim sub has the wrong letter case"`},
		{"no sub", token(`{"exp":1800003600}`), `"sub is not a user id"`},
		{"an unknown role", token(`{"sub":"7","exp":1800003600,"role":"admin"}`), `unknown role"`},
		{"an iat in the future", token(`{"sub":"7","exp":1800003600,"iat":1800000010}`), `"iat is in the future"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, &log)
			engine.GET("/mine", auth.Required(tokens))
			r := httpapitest.Request("GET /mine", "", "")
			r.Header.Set("Authorization", test.authorization)
			require.Equal(t, 401, httpapitest.Serve(engine, r).Code)
			require.Regexp(t, ` token=.*`+regexp.QuoteMeta(test.want), log.String())
			require.NotContains(t, log.String(), "body")
		})
	}
}

func TestCallerOfPanicsWhereRequiredIsMissing(t *testing.T) {
	var log bytes.Buffer
	engine := newEngine(t, &log)
	engine.GET("/mine", func(c *gin.Context) { auth.CallerOf(c) })
	require.Equal(t, 500, httpapitest.Call(engine, "GET /mine", "", "").Code)
	require.Contains(t, log.String(), "panic: auth: a route that asks for its caller is not behind Required")
}

func TestOnlyLetsOneRolePass(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	engine := newEngine(t, io.Discard)
	engine.GET("/staff", auth.Required(tokens), auth.Only(auth.Staff), httpapi.Handle(func(c *gin.Context) error {
		return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{})
	}))
	for role, status := range map[auth.Role]int{auth.Staff: 200, auth.Customer: 403} {
		token, err := tokens.Issue(auth.Caller{UserID: 7, Role: role})
		require.NoError(t, err)
		require.Equal(t, status, httpapitest.Call(engine, "GET /staff", token, "").Code, role)
	}
	require.Equal(t, 401, httpapitest.Call(engine, "GET /staff", "", "").Code, "without a token")
}
