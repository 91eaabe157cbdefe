package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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
		refresh := regexp.MustCompile(`"refresh_token":"([^"]+)"`).FindStringSubmatch(body)[1]
		_, body = call(t, base, "POST /user/login", "", otherUser)
		other := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(body)[1]
		for range 2 {
			call(t, base, "POST /user/login", "", `{"username":"other","password":"wrong-one"}`)
		}
		require.Equal(t, 429, first(call(t, base, "POST /user/login", "", `{"username":"other","password":"wrong-one"}`)))
		call(t, base, "GET /user/info", token, "")
		call(t, base, "POST /order/create", token, `{"product":"p","price":1}`)
		require.Equal(t, 403, first(call(t, base, "GET /order/query/1", other, "")))
		forged := token[:strings.LastIndex(token, ".")] + ".Zm9yZ2Vk"
		require.Equal(t, 401, first(call(t, base, "GET /order/query/1", forged, "")))
		for _, body := range []string{`{"refresh_token":"` + refresh + `"}`, `{"refresh_token":"` + token + `"}`} {
			call(t, base, "POST /user/refresh", "", body)
		}
		call(t, base, "POST /user/password/reset", "", `{"token":"hunter2","new_password":"hunter2"}`)
		call(t, base, "POST /user/password", token, `{"old_password":"hunter2","new_password":"hunter2"}`)
		stop()
		require.NoError(t, <-ended)

		text := log.String()
		for _, used := range []string{"test123", "other123", "hunter2", "wrong-one", secret, refresh, "$argon2id", "Bearer", "@test.com"} {
			require.NotContains(t, text, used)
		}
		for _, used := range []string{token, other, forged} {
			for part := range strings.SplitSeq(used, ".") {
				require.NotContains(t, text, part)
			}
		}
		for _, seen := range []string{
			`method=POST path=/user/login route=/user/login status=200 took=\S+ client=127.0.0.1 request=\w+ user=1\n`,
			`level=INFO msg=request method=POST path=/user/login \S+ status=200 .* code=1 .*error="wrong username or password"`,
			`level=WARN msg=request method=POST path=/user/login \S+ status=429 .* error="too many wrong passwords, try again later"`,
			`level=WARN msg=request method=POST path=/user/register \S+ status=429 .* error="too many requests, try again later"`,
			`level=WARN msg=request method=GET path=/order/query/1 route=/order/query/:orderid status=403 .* user=2 error=`,
			`level=WARN msg=request method=GET path=/order/query/1 \S+ status=401 .* token="parse token: token signature is invalid`,
			`level=INFO msg=request method=POST path=/order/create \S+ status=200 .* user=1 order=1\n`,
			`level=INFO msg=stopping drain=0s address=127\.0\.0\.1:\d+\n`,
			fmt.Sprintf(`level=INFO msg=stopped requests=%d uptime=\d+s\n$`, strings.Count(text, " msg=request ")),
		} {
			require.Regexp(t, seen, text)
		}
	})
}

func first(status int, _ string) int { return status }

func TestColoursCanBeSwitchedOff(t *testing.T) {
	for _, env := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		cfg, err := loadConfig(t.Context(), environment(env))
		require.NoError(t, err)
		require.True(t, cfg.NoColor)
	}
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"NO_COLOR": "", "TERM": "xterm"}))
	require.NoError(t, err)
	require.False(t, cfg.NoColor)
}

// started is what the program says until it listens.
func started(t *testing.T, settings map[string]string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	env := map[string]string{"HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s"}
	for name, value := range settings {
		env[name] = value
	}
	var log output
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, environment(env), &log) }()
	log.baseURL(t)
	stop()
	require.NoError(t, <-ended)
	return log.String()
}

func TestTheStartSaysWhatItRunsAs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	apart := map[string]string{"RATE_LIMIT": "off"}
	var want []string
	for _, name := range moduleNames() {
		url := "sqlite:" + filepath.Join(folder, name+".db")
		apart[strings.ToUpper(name)+"_DATABASE_URL"] = url
		want = append(want, url+" ("+name+")")
	}
	secret := filepath.Join(folder, "jwt_secret")
	text := started(t, apart)
	ages := func(age string) string { return strings.TrimSuffix(strings.Repeat(age+", ", len(moduleNames())), ", ") }
	require.Contains(t, text, ` database="`+ages("new")+`" databases=`)
	require.Contains(t, text, fmt.Sprintf(`databases="%s" secret="new file %s" limits=off ops=off traces=off`,
		strings.Join(want, ", "), secret))
	require.NotContains(t, text, "level=WARN")
	again := started(t, apart)
	require.Contains(t, again, `secret="file `+secret+`"`)
	require.Contains(t, again, ` database="`+ages("existing")+`" `)
	first := strings.ToUpper(moduleNames()[0]) + "_DATABASE_URL"
	mixed := maps.Clone(apart)
	mixed[first] = "sqlite:" + filepath.Join(folder, "other.db")
	require.Regexp(t, ` database="new, (existing(, )?)+" `, started(t, mixed))

	users := apart["USER_DATABASE_URL"]
	given := map[string]string{"DATABASE_URL": users, "JWT_SECRET": strings.Repeat("s", 32), "OPS_ADDR": "127.0.0.1:0"}
	text = started(t, given)
	require.Contains(t, text, fmt.Sprintf(`databases="%s (%s)" secret=settings limits=on ops=127.0.0.1:`,
		users, strings.Join(moduleNames(), ",")))
	require.NotContains(t, text, "ssssssss")
}

func TestTheStartSaysWhetherTheDatabaseIsNew(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		given := map[string]string{"DATABASE_URL": url, "JWT_SECRET": strings.Repeat("s", 32)}
		require.Contains(t, started(t, given), " database=new ")
		require.Contains(t, started(t, given), " database=existing ")
	})
}

func TestTheStartShowsNoPasswordOfADatabase(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(databasetest.Postgres(t))
	require.NoError(t, err)
	name := "postgres"
	if u.User != nil {
		name = u.User.Username()
	}
	u.User = url.UserPassword(name, "hunter2")
	text := started(t, map[string]string{"DATABASE_URL": u.String(), "JWT_SECRET": strings.Repeat("s", 32)})
	require.Contains(t, text, `databases="postgres://`+name+`@`)
	require.NotContains(t, text, "hunter2")
}

func TestAFolderOfTheSecretThatOthersCanReadIsWarnedOf(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("has no such modes")
	}
	for mode, warned := range map[os.FileMode]bool{0o700: false, 0o711: false, 0o740: true, 0o755: true} {
		folder := t.TempDir()
		require.NoError(t, os.Chmod(folder, mode))
		text := started(t, map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(folder, "app.db")})
		require.Equal(t, warned, strings.Contains(text, "can be read by others"), "%s: %s", mode, text)
	}
}
