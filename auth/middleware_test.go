package auth_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestRequired(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
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
			r := httptest.NewRequest("GET", "/mine", nil)
			r.Header["Authorization"] = test.authorization
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, r)
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

func TestCallerOfPanicsWhereRequiredIsMissing(t *testing.T) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	require.Panics(t, func() { auth.CallerOf(c) })
}

func TestOnlyLetsOneRolePass(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	engine.GET("/staff", auth.Required(tokens), auth.Only(auth.Staff), httpapi.Handle(func(c *gin.Context) error {
		return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{})
	}))
	for role, status := range map[auth.Role]int{auth.Staff: 200, auth.Customer: 403} {
		token, err := tokens.Issue(auth.Caller{UserID: 7, Role: role})
		require.NoError(t, err)
		require.Equal(t, status, httpapitest.Call(engine, "GET /staff", token, "").Code, role)
	}
	w := httpapitest.Call(engine, "GET /staff", "", "")
	require.Equal(t, 401, w.Code, "who has no token is told so first")
}
