//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/e2e/tutorial"
)

// split runs each module as a service of its own, with two replicas each, behind nginx.
type split struct {
	base          string
	users, orders [2]*program
	start         func(module string, n int) *program
}

func newSplit(t *testing.T) *split {
	s := &split{}
	databases := map[string]string{"user": databasetest.Postgres(t), "order": databasetest.Postgres(t)}
	ports := map[string][2]int{"user": {freePort(t), freePort(t)}, "order": {freePort(t), freePort(t)}}
	s.start = func(module string, n int) *program {
		p := start(t, t.TempDir(), "MODULES="+module, "RATE_LIMIT=on", "TRUSTED_PROXIES=127.0.0.1",
			strings.ToUpper(module)+"_DATABASE_URL="+databases[module], fmt.Sprint("PORT=", ports[module][n]))
		p.url(t)
		return p
	}
	for n := range 2 {
		s.users[n], s.orders[n] = s.start("user", n), s.start("order", n)
	}
	s.base = nginx(t, ports["user"], ports["order"]).url
	return s
}

func TestAClientOfTheTutorialWorksWithModulesAsServices(t *testing.T) {
	t.Parallel()
	tutorial.Follow(t, newSplit(t).base, http.DefaultClient.Do)
}

func TestEachModuleWorksWhileTheOtherIsDown(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	token := login(t, s.base)
	require.True(t, create(s.base, token, "with all services up").ok())

	s.users[0].kill() // the other replica takes over
	for range 20 {
		require.True(t, send("GET", s.base+"/user/info", token, "").ok())
	}
	require.Equal(t, "用户名已存在", send("POST", s.base+"/user/register", "", testUser).Msg)

	s.users[1].kill()
	answer := send("GET", s.base+"/user/info", token, "")
	require.Equal(t, 503, answer.status)
	require.Equal(t, "服务暂不可用，请稍后重试", answer.Msg, "nginx responds with its own page")
	answer = send("POST", s.base+"/user/register", "", testUser)
	require.Equal(t, "结果未知，请查询后再决定是否重试", answer.Msg, "a write that may have happened is reported as failed")
	require.Empty(t, answer.header.Get("Retry-After"))
	for range 10 {
		require.True(t, create(s.base, token, "with no user service up").ok())
	}

	s.users[0] = s.start("user", 0)
	s.orders[0].kill()
	s.orders[1].kill()
	require.Equal(t, 503, send("GET", s.base+"/order/query/1", token, "").status)
	require.Eventually(t, func() bool { return send("GET", s.base+"/user/info", token, "").ok() }, 5*time.Second, 50*time.Millisecond)
	s.orders[1] = s.start("order", 1)
	require.Eventually(t, func() bool { return send("GET", s.base+"/order/query/1", token, "").ok() },
		5*time.Second, 50*time.Millisecond)
}

func TestModulesAsServicesHaveOneDocumentAndOnePage(t *testing.T) {
	t.Parallel()
	s := newSplit(t)
	for _, path := range []string{"/openapi.json", "/openapi.json?anything=1", "/openapi.yaml"} {
		for _, replica := range s.users {
			require.NotContains(t, send("GET", replica.url(t)+path, "", "").body, "/order/create", "a process lists what it does not serve")
		}
		document := send("GET", s.base+path, "", "")
		require.Equal(t, 200, document.status)
		require.Contains(t, document.body, "/user/register")
		require.Contains(t, document.body, "/order/create")
		again := sendWith(http.DefaultClient, [][2]string{{"If-None-Match", document.header.Get("ETag")}}, "GET", s.base+path, "", "")
		require.Equal(t, 304, again.status, path)
	}
	ctx := browser(t)
	seen := watch(ctx, t)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(s.base+"/"), chromedp.WaitVisible(chromedp.CSS("#operations-user-register"))))
	useThePage(ctx, t)
	seen.requireAtHome(t, s.base)

	// The page of one half fills in nothing that it has not.
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(s.orders[0].url(t)+"/docs"), chromedp.WaitVisible(chromedp.CSS("#operations-order-createOrder"))))
	tags, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`new Promise(next => setTimeout(next, 100)).then(() =>
		[...document.querySelectorAll("h3.opblock-tag")].map(tag => tag.dataset.tag))`, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	require.Equal(t, []string{"order", "staff", "service"}, tags)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	require.Empty(t, seen.complaints)
}

func TestModulesOnFilesOfTheirOwnShareOnlyASecret(t *testing.T) {
	t.Parallel()
	users := start(t, t.TempDir(), "MODULES=user")
	orders := start(t, t.TempDir(), "MODULES=order")
	token := login(t, users.url(t))
	require.True(t, create(orders.url(t), token, "paid").ok())
	require.Equal(t, 404, send("GET", users.url(t)+"/order/query/1", token, "").status)
	require.Equal(t, 404, send("GET", orders.url(t)+"/user/info", token, "").status)
}
