//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// sessionsOf returns how many sessions the account of a token has.
func sessionsOf(t *testing.T, base, token string) int {
	t.Helper()
	open, err := dataOf[struct{ Sessions []struct{ Client string } }](send("GET", base+"/user/sessions", token, ""))
	require.NoError(t, err)
	return len(open.Sessions)
}

// elapse puts the clock of the page forward.
func (d *desk) elapse(by time.Duration) {
	d.Helper()
	js[bool](d, fmt.Sprintf("Date.now = (now => () => now() + %d)(Date.now); true", by.Milliseconds()))
}

const kept = "Object.values(sessionStorage).join()"

func TestLoggingOutDoesNotWaitForTheService(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	before := sessionsOf(t, s.base, s.staff)
	behind, p := s.behindProxy(t)
	d := behind.sitDown(t).atWork("还没有订单")
	require.Equal(t, before+1, sessionsOf(t, s.base, s.staff))
	open := make(chan struct{})
	p.on("/user/logout", p.after(open, func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }))
	d.press("退出")
	d.sees("已退出")
	require.True(t, js[bool](d, logInForm))
	require.Equal(t, before+1, sessionsOf(t, s.base, s.staff), "the service has answered")
	close(open)
	require.Eventually(t, func() bool { return sessionsOf(t, s.base, s.staff) == before }, 20*time.Second, 50*time.Millisecond)

	d.atWork("还没有订单")
	d.elapse(365 * 24 * time.Hour) // the access token is over
	d.press("退出")
	require.Eventually(t, func() bool { return sessionsOf(t, s.base, s.staff) == before }, 20*time.Second, 50*time.Millisecond)

	d.atWork("还没有订单")
	p.on("/user/logout", busy)
	d.press("退出")
	d.sees("未能通知服务器")
	d.requireClean(503, 401)
}

func TestALoginThatFailsHalfWayLeavesNoSessionOpen(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	before := sessionsOf(t, s.base, s.staff)
	behind, p := s.behindProxy(t)
	d := behind.sitDown(t)
	p.on("/user/info", busy)
	d.logIn("clerk")
	d.sees("service busy")
	require.Eventually(t, func() bool { return sessionsOf(t, s.base, s.staff) == before }, 20*time.Second, 50*time.Millisecond)
	require.Zero(t, js[int](d, "sessionStorage.length"))
	p.clear()
	d.atWork("还没有订单")
	d.requireClean(503)
}

// TestACopiedTabAsksForTheSuccessorOfASpentToken: the token that it brings along was good some refreshes ago.
func TestACopiedTabAsksForTheSuccessorOfASpentToken(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	d := s.sitDown(t).atWork("还没有订单")
	old := js[string](d, kept)
	d.do(chromedp.Reload())
	d.sees("还没有订单")
	for range 2 {
		before := js[string](d, kept)
		d.elapse(24 * time.Hour)
		d.until(fmt.Sprintf("%s !== %q", kept, before))
	}
	copied := d.otherTab(func() { js[bool](d, "window.open(location.href), true") })
	copied.sees("还没有订单", "clerk")
	js[bool](copied, fmt.Sprintf("Object.keys(sessionStorage).forEach(key => sessionStorage.setItem(key, %q)), true", old))
	copied.do(chromedp.Reload())
	copied.sees("还没有订单", "clerk")
	require.Equal(t, js[string](d, kept), js[string](copied, kept))
	d.opens("users", "anna")
	d.requireClean()
	copied.requireClean()
}

// TestARefreshAheadOfTimeMayFail: the access token is good for some more seconds.
func TestARefreshAheadOfTimeMayFail(t *testing.T) {
	t.Parallel()
	s := openShop(t, "TOKEN_TTL=1000s")
	behind, p := s.behindProxy(t)
	d := behind.sitDown(t).atWork("还没有订单")
	p.on("/user/refresh", busy)
	d.elapse(970 * time.Second) // it is due, and not over
	d.opens("users", "anna")
	d.elapse(60 * time.Second)
	d.opens("orders", "service busy")
	before := js[string](d, kept)
	p.clear()
	d.until(fmt.Sprintf("%s !== %q", kept, before))
	d.until(`!document.body.innerText.includes("service busy")`)
	d.requireClean(503)
}
