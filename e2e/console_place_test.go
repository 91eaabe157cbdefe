//go:build unix

package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestAListKeepsThePlaceOfItsReader: on the way back from an order, by the link of the page and by the button of the browser.
func TestAListKeepsThePlaceOfItsReader(t *testing.T) {
	t.Parallel()
	const rows = `document.querySelectorAll("tbody tr").length`
	s := openShop(t)
	for i := range 50 {
		s.sell(t, fmt.Sprintf("tea %d", i+1), "1")
	}
	d := s.sitDown(t).atWork("tea 50")
	d.do(chromedp.EmulateViewport(1200, 600))
	for i, back := range []func(){
		func() { d.press("返回订单列表") },
		func() { d.do(chromedp.NavigateBack()) },
	} {
		d.until(rows + " >= 20")
		for n := js[int](d, rows); n < 40; n += 20 {
			d.press("显示更多")
			d.until(rows + " >= 40")
		}
		d.press("14") // scrolls
		d.sees("订单 14")
		d.until("scrollY === 0")
		s.sell(t, fmt.Sprintf("coffee %d", i), "1")
		back()
		d.until(rows + " >= 40 && scrollY > 800")
		d.until("document.activeElement.textContent === '14'")
		d.sees(fmt.Sprintf("coffee %d", i))
	}

	d.opens("users/2", "anna@example.com")
	d.press("显示更多")
	d.until(rows + " === 40")
	d.press("20")
	d.sees("订单 20")
	d.press("anna")
	d.sees("anna@example.com")
	d.do(chromedp.NavigateBack())
	d.sees("订单 20")
	d.press("返回用户")
	d.sees("anna@example.com")
	d.until(rows + " === 40 && document.activeElement.textContent === '20'")
	d.press("退出")
	d.sees("已退出")
	d.logIn("clerk")
	d.sees("anna@example.com")
	d.until(rows + " === 20") // the next one begins anew
	d.requireClean()
}

// TestTheListOfUsersKeepsThePlaceOfItsReader: what has changed meanwhile shows.
func TestTheListOfUsersKeepsThePlaceOfItsReader(t *testing.T) {
	t.Parallel()
	const rows = `document.querySelectorAll("tbody tr").length`
	s := openShop(t, "RATE_LIMIT=off")
	for i := range 28 {
		enroll(t, s.base, fmt.Sprintf("user%d", i))
	}
	d := s.sitDown(t).atWork("还没有订单")
	d.opens("users", "user27")
	d.press("显示更多")
	d.until(rows + " === 30")
	d.press("anna")
	d.sees("anna@example.com")
	d.press("停用账户")
	d.press("停用账户")
	d.sees("已停用")
	d.press("返回用户列表")
	d.until(rows + " === 30 && document.activeElement.textContent === 'anna'")
	d.until(`document.activeElement.closest("tr").textContent.includes("已停用")`)
	require.Positive(t, js[int](d, "scrollY"))
	d.requireClean()
}
