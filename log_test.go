package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// call sends a request to a server and returns its status and body.
func call(t *testing.T, base, line, token, body string) (status int, text string) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r, err := http.NewRequest(method, base+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(answer)
}

func TestTheLogOfAWholeRunTellsWhatHappenedAndNoSecret(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		const secret = "a secret of the tests, long enough"
		ctx, stop := context.WithCancel(t.Context())
		var log output
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, nil, environment(map[string]string{
				"DATABASE_URL": url, "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s", "LOG_LEVEL": "debug",
				"JWT_SECRET": secret, "LOGIN_FAILURES": "2/15m", "RATE_LIMIT_REGISTRATIONS": "3/1h",
			}), &log)
		}()
		base := log.baseURL(t)

		call(t, base, "POST /user/register", "", testUser)
		call(t, base, "POST /user/register", "", otherUser)
		call(t, base, "POST /user/register", "", `{"username":"third","password":"hunter2","email":`) // cut off
		require.Equal(t, 429, first(call(t, base, "POST /user/register", "", testUser)))
		_, body := call(t, base, "POST /user/login", "", testUser)
		token := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(body)[1]
		_, body = call(t, base, "POST /user/login", "", otherUser)
		other := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(body)[1]
		for range 2 {
			call(t, base, "POST /user/login", "", `{"username":"other","password":"wrong-one"}`)
		}
		require.Equal(t, 429, first(call(t, base, "POST /user/login", "", otherUser)))
		call(t, base, "GET /user/info", token, "")
		call(t, base, "POST /order/create", token, `{"product":"p","price":1}`)
		require.Equal(t, 403, first(call(t, base, "GET /order/query/1", other, "")))
		forged := token[:strings.LastIndex(token, ".")] + ".Zm9yZ2Vk"
		require.Equal(t, 401, first(call(t, base, "GET /order/query/1", forged, "")))
		stop()
		require.NoError(t, <-ended)

		text := log.String()
		for _, used := range []string{"test123", "other123", "hunter2", "wrong-one", secret, "$argon2id", "Bearer"} {
			require.NotContains(t, text, used)
		}
		for _, used := range []string{token, other, forged} {
			for part := range strings.SplitSeq(used, ".") {
				require.NotContains(t, text, part)
			}
		}
		for _, seen := range []string{
			`method=POST path=/user/login route=/user/login status=200 took=\S+ client=127.0.0.1 request=\w+ user=1\n`,
			`level=INFO msg=request method=POST path=/user/login \S+ status=200 .* error="wrong username or password"`,
			`level=WARN msg=request method=POST path=/user/login \S+ status=429 .* error="too many wrong passwords, try again later"`,
			`level=WARN msg=request method=POST path=/user/register \S+ status=429 .* error="too many requests, try again later"`,
			`level=WARN msg=request method=GET path=/order/query/1 route=/order/query/:orderid status=403 .* user=2 error=`,
			`level=WARN msg=request method=GET path=/order/query/1 \S+ status=401 .* token="parse token: token signature is invalid`,
			`level=INFO msg=request method=POST path=/order/create \S+ status=200 .* user=1\n`,
		} {
			require.Regexp(t, seen, text)
		}
	})
}

func first(status int, _ string) int { return status }

func TestControlCharactersAreEscapedInBothFormats(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var log bytes.Buffer
		newLogger(Config{LogJSON: asJSON}, &log).Info("request", slog.String("token", "a\n\x1b[31m\x7f\u009b中\"b"))
		line := strings.TrimSuffix(log.String(), "\n")
		require.NotRegexp(t, `[[:cntrl:]]|\x{7f}|[\x{80}-\x{9f}]`, line)
		require.Contains(t, line, "中")
		if asJSON {
			var read struct{ Token string }
			require.NoError(t, json.Unmarshal(log.Bytes(), &read))
			require.Equal(t, "a\n\x1b[31m\\u007f\\u009b中\"b", read.Token)
		}
	}
}
