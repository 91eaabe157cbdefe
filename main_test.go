package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
	"userorder/settings"
)

// output keeps what a program writes, while it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var listening = regexp.MustCompile(`msg=listening address=\S*:(\d+)`)

// baseURL waits until the program says where it listens.
func (o *output) baseURL(t *testing.T) string {
	t.Helper()
	require.Eventually(t, func() bool { return listening.MatchString(o.String()) }, 30*time.Second, time.Millisecond,
		"it does not listen")
	return "http://127.0.0.1:" + listening.FindStringSubmatch(o.String())[1]
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		ctx, stop := context.WithCancel(t.Context())
		var stdout output
		result := make(chan error, 1)
		go func() {
			result <- run(ctx, nil, environment(map[string]string{
				"DATABASE_URL": url, "HOST": "127.0.0.1", "PORT": "0", "DRAIN_DELAY": "0s", "RATE_LIMIT": "off",
				"JWT_SECRET": strings.Repeat("s", 32),
			}), &stdout)
		}()
		base := stdout.baseURL(t)
		response, err := http.Post(base+"/user/register", "application/json", strings.NewReader(testUser))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.JSONEq(t, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`, string(body))
		stop()
		require.NoError(t, <-result)
		_, err = http.Get(base + "/healthz")
		require.Error(t, err)
		require.NotContains(t, stdout.String(), "test123")
		require.NotContains(t, stdout.String(), "ssssssss")
	})
}

func TestASecretIsMadeBesideTheDatabaseAndKept(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "folder", "app.db")
	secret := filepath.Join(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), "jwt_secret")
	token := member(t, handlerOn(t, url, "JWT_SECRET", ""), testUser)
	made, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Greater(t, len(made), 32)

	// Without the accounts, whose database would tell that the token is another one's.
	again := handlerOn(t, strings.Replace(url, "app.db", "other.db", 1), "JWT_SECRET", "", "MODULES", "order")
	w := httpapitest.Call(again, "GET /order/query/1", token, "")
	require.Equal(t, 200, w.Code, "the second start made another secret")

	fromFile := handlerOn(t, databasetest.SQLite(t), "JWT_SECRET", "", "JWT_SECRET_FILE", secret, "MODULES", "order")
	require.Equal(t, 200, httpapitest.Call(fromFile, "GET /order/query/1", token, "").Code)
}

func TestAListenerThatCannotBeSaysWhichSettingToChange(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	for _, test := range []struct {
		host, port, ops, want string
		invalid               bool
	}{
		{"127.0.0.1", port, "", "port " + port + " is taken: stop the other program, or set PORT to another port", false},
		{"nowhere.invalid", "0", "", `HOST is "nowhere.invalid", a name that has no address`, true},
		{"192.0.2.1", "0", "", `HOST is "192.0.2.1", which is not an address of this machine`, true}, // RFC 5737: nobody's
		{"fe80::1", "0", "", `HOST is "fe80::1", which needs the name of a network interface of this machine, like fe80::1%eth0`, true},
		{"fe80::1%nosuch", "0", "", `HOST is "fe80::1%nosuch", which needs the name of a network interface`, true},
		{"", "0", "127.0.0.1:" + port, "port " + port + " is taken: stop the other program, or set OPS_ADDR to another port", false},
		{"", "0", "nohost.invalid:1", `the host of OPS_ADDR is "nohost.invalid", a name that has no address`, true},
		{"", "0", "[fe80::1%nosuch]:1", `the host of OPS_ADDR is "fe80::1%nosuch", which needs the name of a network interface`, true},
		{"", "0", "192.0.2.1:1", `the host of OPS_ADDR is "192.0.2.1", which is not an address of this machine`, true},
	} {
		if strings.Contains(test.host+test.ops, "fe80") && !hasIPv6() {
			continue
		}
		err := run(t.Context(), nil, environment(map[string]string{
			"DATABASE_URL": databasetest.SQLite(t), "JWT_SECRET": strings.Repeat("s", 32), "HOST": test.host, "PORT": test.port,
			"OPS_ADDR": test.ops,
		}), io.Discard)
		require.ErrorContains(t, err, test.want)
		require.Equal(t, test.invalid, errors.Is(err, settings.ErrInvalid), err)
	}
}

func hasIPv6() bool {
	listener, err := net.Listen("tcp", "[::1]:0")
	return err == nil && listener.Close() == nil
}
