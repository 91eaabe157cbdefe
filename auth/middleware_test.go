package auth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
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
	const (
		none      = `Bearer realm="userorder"`
		malformed = `Bearer realm="userorder", error="invalid_token", error_description="malformed"`
		repeated  = `Bearer realm="userorder", error="invalid_request", error_description="more than one Authorization header"`
	)
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
		{"no header", nil, 401, none},
		{"an empty header", []string{""}, 401, none},
		{"the token alone", []string{token}, 401, none},
		{"the scheme alone", []string{"Bearer"}, 401, malformed},
		{"another scheme", []string{"Basic dGVzdDp0ZXN0"}, 401, none},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, 401, repeated},
		{"two tokens", []string{"Bearer " + token + " " + token}, 401, malformed},
		{"two tokens with a comma", []string{"Bearer " + token + ", Bearer " + token}, 401, malformed},
		{"more than 4 KiB", []string{"Bearer " + strings.Repeat("x", 4096)}, 401, malformed},
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
		{"an aud", token(`{"sub":"7","exp":1800003600,"aud":"mail"}`), `"aud names another service"`},
		{"an iat in the future", token(`{"sub":"7","exp":1800003600,"iat":1800000040}`), `"iat is in the future"`},
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

// challengeOf returns the WWW-Authenticate of a request with a token.
func challengeOf(t *testing.T, engine http.Handler, token string) string {
	w := httpapitest.Call(engine, "GET /mine", token, "")
	require.Equal(t, 401, w.Code, token)
	return w.Header().Get("WWW-Authenticate")
}

func TestAChallengeSaysWhyATokenWasRefused(t *testing.T) {
	engine := newEngine(t, io.Discard)
	engine.GET("/mine", auth.Required(newTokens(t, auth.Config{})))
	claims := func(claims string) string { return sign(sha256.New, secret, hs256, claims) }
	header := func(header string) string { return sign(sha256.New, secret, header, good) }
	for _, test := range []struct{ name, token, want string }{
		{"expired", claims(`{"sub":"7","exp":1800000000}`), "expired"},
		{"expired and of the future", claims(`{"sub":"7","exp":1799999999,"nbf":1800000100}`), "expired"},
		{"an nbf in the future", claims(`{"sub":"7","exp":1800003600,"nbf":1800000031}`), "not yet valid"},
		{"an iat in the future", claims(`{"sub":"7","exp":1800003600,"iat":1800000031}`), "not yet valid"},
		{"no token", "x", "malformed"},
		{"two parts", "a.b", "malformed"},
		{"a line break", claims(good)[:20] + "\n" + claims(good)[20:], "malformed"},
		{"claims that are no object", claims(`["sub"]`), "malformed"},
		{"an exp that is no number", claims(`{"sub":"7","exp":"1800003600"}`), "malformed"},
		{"another secret", sign(sha256.New, older, hs256, good), "invalid signature"},
		{"another algorithm", sign(sha512.New, secret, `{"alg":"HS512"}`, good), "invalid signature"},
		{"no algorithm", sign(sha256.New, secret, `{"alg":"none"}`, good), "invalid signature"},
		{"an aud", claims(`{"sub":"7","exp":1800003600,"aud":"mail"}`), "unsupported header or claim"},
		{"no exp", claims(`{"sub":"7"}`), "unsupported header or claim"},
		{"an exp too far ahead", claims(`{"sub":"7","exp":1800086431}`), "unsupported header or claim"},
		{"a sub that is no id", claims(`{"sub":"x","exp":1800003600}`), "unsupported header or claim"},
		{"a crit", header(`{"alg":"HS256","crit":["exp"]}`), "unsupported header or claim"},
		{"a typ", header(`{"alg":"HS256","typ":"at+jwt"}`), "unsupported header or claim"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, `Bearer realm="userorder", error="invalid_token", error_description="`+test.want+`"`,
				challengeOf(t, engine, test.token))
		})
	}
}

func TestAChallengeTellsAForgerNothing(t *testing.T) {
	engine := newEngine(t, io.Discard)
	engine.GET("/mine", auth.Required(newTokens(t, auth.Config{Previous: older})))
	unknown := []byte("a secret that the service does not know")
	told := regexp.MustCompile(`^Bearer realm="userorder", error="invalid_token", error_description="(malformed|invalid signature)"$`)
	for _, claims := range append(goodClaims, badClaims...) {
		require.Regexp(t, told, challengeOf(t, engine, sign(sha256.New, unknown, hs256, claims)), claims)
	}
	for _, header := range headers {
		require.Regexp(t, told, challengeOf(t, engine, sign(sha256.New, unknown, header, good)), header)
	}
	for _, claims := range []string{ // told apart only with a good signature
		good, `{"sub":"7","exp":1}`, `{"sub":"7","exp":1800003600,"nbf":1900000000}`, `{"sub":"7"}`, `{"exp":1800003600}`,
		`{"sub":"7","exp":1800003600,"aud":"mail"}`, `{"sub":"7","exp":1800003600,"role":"staff"}`,
	} {
		require.Contains(t, challengeOf(t, engine, sign(sha256.New, unknown, hs256, claims)), "invalid signature", claims)
	}
	current, previous := sign(sha256.New, secret, hs256, `{"sub":"7","exp":1}`), sign(sha256.New, older, hs256, `{"sub":"7","exp":1}`)
	require.Equal(t, challengeOf(t, engine, current), challengeOf(t, engine, previous), "which secret it was")
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
	engine.GET("/staff", auth.Required(tokens), httpapi.Handle(func(c *gin.Context) error {
		if err := auth.Only(c, auth.Staff); err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{})
	}))
	for role, status := range map[auth.Role]int{auth.Staff: 200, auth.Customer: 403} {
		token, err := tokens.Issue(auth.Caller{UserID: 7, Role: role})
		require.NoError(t, err)
		require.Equal(t, status, httpapitest.Call(engine, "GET /staff", token, "").Code, role)
	}
	require.Equal(t, 401, httpapitest.Call(engine, "GET /staff", "", "").Code, "without a token")
}
