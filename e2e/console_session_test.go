//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// logInForm is true while the console asks for a password.
const logInForm = "document.querySelector('input[name=username]') !== null"

func TestACustomerIsToldThatTheConsoleIsForStaff(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for language, texts := range map[string][2]string{"zh-CN": {"仅限管理人员", "用户名或密码错误"}, "en-GB": {"Staff only", "wrong username or password"}} {
		d := s.sitDown(t, chromedp.Flag("accept-lang", language))
		d.logIn("nobody")
		d.sees(texts[1])
		d.logIn("anna")
		d.sees(texts[0], "userorder grant anna")
		d.missing(texts[1])
		require.True(t, js[bool](d, logInForm))
		require.Zero(t, js[int](d, "sessionStorage.length + localStorage.length + document.cookie.length"))
		d.requireClean()
	}
	open, err := dataOf[struct{ Sessions []struct{ Client string } }](send("GET", s.base+"/user/sessions", s.customer, ""))
	require.NoError(t, err)
	require.Len(t, open.Sessions, 1, "the console leaves a session of a customer open")
}

// TestASessionOutlivesItsTokensAndAReload: a token of 2 s is refreshed again and again.
func TestASessionOutlivesItsTokensAndAReload(t *testing.T) {
	t.Parallel()
	s := openShop(t, "TOKEN_TTL=2s")
	d := s.sitDown(t).atWork("还没有订单")
	kept := js[string](d, "Object.values(sessionStorage).join()")
	require.Zero(t, js[int](d, "localStorage.length + document.cookie.length"))
	require.Equal(t, 1, js[int](d, "sessionStorage.length"))
	require.NotContains(t, kept, ".", "the access token is stored")
	d.until(fmt.Sprintf("Object.values(sessionStorage).join() !== %q", kept)) // while the page looks for new orders
	d.do(chromedp.Reload())
	d.sees("还没有订单", "clerk")
	d.press("退出")
	d.sees("已退出")
	require.Zero(t, js[int](d, "sessionStorage.length"))
	d.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
	d.requireClean(401) // a token ends with a second: it may be over before it is due
}

func TestWhoeverIsLoggedOutElsewhereIsAskedToLogInAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	d := s.sitDown(t).atWork("还没有订单")
	d.opens("users", "anna")
	answer := send("POST", s.base+"/user/login", "", registration("clerk", "clerk@example.com"))
	require.True(t, send("POST", s.base+"/user/logout", answer.Data.Token, `{"scope":"all"}`).ok())
	d.press("anna")
	d.sees("会话已结束，请重新登录。")
	require.Zero(t, js[int](d, "sessionStorage.length"))
	d.logIn("clerk")
	d.sees("anna@example.com") // where it was
	status, _, stderr := command(t, t.TempDir(), "", []string{"grant", "--customer", "clerk"}, "DATABASE_URL="+s.database)
	require.Equal(t, 0, status, stderr)
	d.sees("会话已结束，请重新登录。") // by itself
	d.logIn("clerk")
	d.sees("仅限管理人员")
	d.requireClean(401)
}

// TestTheConsoleWaitsForAServiceThatIsAway kills the service under an open dialog and starts it again.
func TestTheConsoleWaitsForAServiceThatIsAway(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), fmt.Sprint("PORT=", freePort(t))
	p := start(t, dir, port)
	s := shop{base: p.url(t), database: "sqlite:" + filepath.Join(dir, "data", "app.db")}
	s.staff, s.customer = clerk(t, s.base, s.database), enroll(t, s.base, "anna")
	id := s.sell(t, "tea", "1")
	d := s.sitDown(t).atWork("tea")
	d.opens("orders/"+id, "确认付款")
	d.press("确认付款")
	d.enter("note", "cash")
	p.kill()
	d.press("确认付款")
	d.sees("无法连接服务器")
	d.until("document.querySelector('dialog input[name=note]').value === 'cash'")
	d.press("返回")
	d.sees("自动刷新中断")
	start(t, dir, port).url(t)
	d.until("!document.body.innerText.includes('自动刷新中断')")
	d.press("确认付款")
	d.press("确认付款")
	d.sees("已付款")
	d.opens("orders", "tea")
	for _, complaint := range d.seen.complaints {
		require.Contains(t, complaint, "ERR_CONNECTION_REFUSED")
	}
}

// otherTab waits for the tab that an action opens, and returns it.
func (d *desk) otherTab(action func()) *desk {
	d.Helper()
	opened := chromedp.WaitNewTarget(d.ctx, func(info *target.Info) bool { return info.URL != "" })
	action()
	ctx, closeTab := chromedp.NewContext(d.ctx, chromedp.WithTargetID(<-opened))
	d.Cleanup(closeTab)
	other := *d
	other.ctx, other.seen = ctx, watch(ctx, d.T)
	return &other
}

// TestADuplicatedTabSharesTheSession: both tabs begin with the same refresh token, which is good once.
func TestADuplicatedTabSharesTheSession(t *testing.T) {
	t.Parallel()
	s := openShop(t, "TOKEN_TTL=2s")
	d := s.sitDown(t).atWork("还没有订单")
	copied := d.otherTab(func() { js[bool](d, "window.open(location.href), true") })
	copied.sees("还没有订单", "clerk")
	const count = "performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('/user/refresh')).length"
	for i := range 4 { // in turn; the tab that is not in front does not look by itself
		for _, tab := range []*desk{d, copied} {
			before := js[string](tab, "Object.values(sessionStorage).join()")
			require.Eventually(t, func() bool {
				tab.opens("users", "anna")
				tab.opens("orders", "还没有订单")
				return js[string](tab, "Object.values(sessionStorage).join()") != before
			}, 20*time.Second, 300*time.Millisecond, "turn %d", i)
		}
	}
	require.Equal(t, js[string](d, "Object.values(sessionStorage).join()"), js[string](copied, "Object.values(sessionStorage).join()"))
	require.Greater(t, js[int](d, count)+js[int](copied, count), 4)
	copied.press("退出")
	copied.sees("已退出")
	d.sees("已退出")       // both are one session
	d.requireClean(401) // a token ends with a second: it may be over before it is due
	copied.requireClean(401)
}

func TestASecondTabHasASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	d := s.sitDown(t).atWork("还没有订单")
	ctx, closeTab := chromedp.NewContext(d.ctx)
	t.Cleanup(closeTab)
	other := *d
	other.ctx, other.seen = ctx, watch(ctx, t)
	other.do(chromedp.Navigate(s.base+"/console"), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
	other.atWork("还没有订单").press("退出")
	other.sees("已退出")
	d.opens("users", "anna")
	d.requireClean()
	other.requireClean()
}

func TestTheConsoleLooksForNothingWhileNobodyLooksAtIt(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	d := s.sitDown(t).atWork("还没有订单")
	d.hide(true)
	s.sell(t, "tea", "1")
	looks := func() (n int) {
		d.seen.mu.Lock()
		defer d.seen.mu.Unlock()
		for _, request := range d.seen.requests {
			if strings.Contains(request, "/order/list") {
				n++
			}
		}
		return n
	}
	before := looks()
	time.Sleep(6 * time.Second) // longer than the pause
	require.Equal(t, before, looks())
	d.hide(false)
	d.sees("tea", "新订单：1")
	d.requireClean()
}

func TestWhatCustomersWriteIsTextInTheConsole(t *testing.T) {
	t.Parallel()
	const evil = `<img src=x onerror=window.hit=1><script>window.hit=1</script>`
	s := openShop(t)
	body, err := json.Marshal(map[string]any{"product": evil, "price": 1, "metadata": map[string]string{evil[:33]: evil + "\n" + evil, "__proto__": "x"}})
	require.NoError(t, err)
	id := send("POST", s.base+"/order/create", s.customer, string(body)).Data.ID
	require.NotEmpty(t, id)
	note, err := json.Marshal(map[string]string{"status": "paid", "note": evil})
	require.NoError(t, err)
	require.True(t, send("POST", s.base+"/order/status/"+id, s.staff, string(note)).ok())
	require.True(t, send("POST", s.base+"/user/register", "", registration("<b/onclick=hit()>", "a@example.com")).ok())
	d := s.sitDown(t).atWork(evil)
	d.opens("orders/"+id, evil+"\n"+evil)
	d.until(fmt.Sprintf("document.querySelector('blockquote')?.textContent === %q", evil))
	d.press("发货")
	d.sees("确认已发货")
	d.press("返回")
	d.opens("users", "<b/onclick=hit()>")
	d.opens("users?name="+url.QueryEscape(evil), "用户名")
	d.opens("orders/"+url.PathEscape(evil), "没有订单")
	d.opens("orders?status="+url.QueryEscape(evil), evil)
	wide := s.sell(t, strings.Repeat("W", 200), "9999999999.99")
	d.do(chromedp.EmulateViewport(390, 844))
	for _, at := range []string{"orders/" + wide, "orders", "orders/" + id, "users"} {
		d.opens(at, "时间按")
		d.until("document.querySelector('table, dl') !== null")
		require.LessOrEqual(t, js[int](d, "document.documentElement.scrollWidth"), 390, at)
	}
	require.Zero(t, js[int](d, "document.querySelectorAll('#console img, #console script, #console b').length"))
	require.True(t, js[bool](d, "window.hit === undefined"))
	d.requireClean(400)
}

func TestTheConsoleCanBeOffAndIsWhereAccountsAre(t *testing.T) {
	t.Parallel()
	for settings, status := range map[string]int{"": 200, "CONSOLE=off": 404, "MODULES=order": 404, "MODULES=user": 200} {
		p := start(t, t.TempDir(), settings)
		base := p.url(t)
		for _, path := range []string{"/console", "/console/", "/console/0/app.js"} {
			answer := send("GET", base+path, "", "")
			require.Equal(t, status, answer.status, "%s with %s", path, settings)
			if status == 404 {
				require.JSONEq(t, `{"code":404,"msg":"接口不存在","data":{}}`, answer.body)
			}
		}
		require.Equal(t, status == 200, strings.Contains(said(t, p.stdout), " console="+base+"/console"), settings)
	}
}

// TestTheConsoleIsSmallQuickAndKept is not parallel to others, which would take the time that it measures.
func TestTheConsoleIsSmallQuickAndKept(t *testing.T) {
	s := openShop(t)
	d := s.sitDown(t)
	const transferred = `performance.getEntriesByType("resource").reduce((sum, file) => sum + file.transferSize, 0)`
	require.Less(t, js[int](d, transferred), 50_000)
	paint := js[float64](d, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	t.Logf("first paint after %.0f ms, %d bytes", paint, js[int](d, transferred))
	require.Less(t, paint, 1000.0)
	d.do(chromedp.Navigate("about:blank"), chromedp.Navigate(s.base+"/console"), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
	require.Less(t, js[int](d, transferred), 1000, "files are loaded again")
}

func TestTheConsoleWorksBehindAPathPrefix(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.sell(t, "tea", "1")
	to, err := url.Parse(s.base)
	require.NoError(t, err)
	proxy := httptest.NewServer(http.StripPrefix("/shop/api", httputil.NewSingleHostReverseProxy(to)))
	t.Cleanup(proxy.Close)
	for _, path := range []string{"/shop/api/console", "/shop/api/console/"} {
		d := &desk{T: t, shop: s, ctx: browser(t)}
		d.base = proxy.URL
		d.seen = watch(d.ctx, t)
		d.do(chromedp.Navigate(proxy.URL+path), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
		d.atWork("tea")
		d.opens("orders/1", "确认付款")
		d.requireClean()
	}
}
