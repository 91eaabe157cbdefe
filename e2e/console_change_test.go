//go:build unix

package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestAQuestionIsAboutTheOrderThatWasShown: the page reads the order again while a dialog is open.
func TestAQuestionIsAboutTheOrderThatWasShown(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	id := s.sell(t, "tea", "1")
	d := s.sitDown(t).atWork("tea")
	d.opens("orders/"+id, "取消订单")
	d.press("取消订单")
	d.sees("取消后不能恢复")
	require.True(t, moveOn(s.base, s.staff, id, "paid").ok())
	d.sees("订单已更新：已付款", "请核对后再操作") // by itself
	d.until("!document.querySelector('dialog') && document.activeElement.tagName === 'H1'")
	require.Equal(t, "paid", send("GET", s.base+"/order/query/"+id, s.staff, "").Data.Status)
	d.press("发货")
	d.press("发货")
	d.sees("已发货")
	d.missing("请核对后再操作")
	d.requireClean()
}

func TestAQuestionStaysUntilItsChangeHasAnOutcome(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	id := s.sell(t, "tea", "1")
	d := behind.sitDown(t).atWork("tea")
	d.opens("orders/"+id, "确认付款")
	d.press("确认付款")
	d.enter("note", "cash")
	open := make(chan struct{})
	p.on("/order/status/", p.after(open, busy))
	d.press("确认付款")
	d.until(`document.querySelector("dialog button:last-child").textContent === "加载中…"`)
	d.press("返回")
	d.do(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape)) // Chromium lets a page keep out one
	d.until("document.querySelector('dialog')?.open === true")
	close(open)
	d.sees("service busy")
	d.until("document.querySelector('dialog input[name=note]').value === 'cash'")
	d.do(chromedp.KeyEvent(kb.Escape))
	d.until("!document.querySelector('dialog')")

	open = make(chan struct{})
	p.on("/order/status/", p.after(open, func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }))
	d.press("确认付款")
	d.press("确认付款")
	d.press("返回")
	close(open)
	d.sees("已付款")
	d.until("!document.querySelector('dialog') && document.activeElement.tagName === 'H1'")
	d.requireClean(503)
}

// TestALateResponseDoesNotBringAnOldOrderBack: a response of before the change comes after the change.
func TestALateResponseDoesNotBringAnOldOrderBack(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	id := s.sell(t, "tea", "1")
	d := behind.sitDown(t).atWork("tea")
	d.opens("orders/"+id, "确认付款")
	open, answered := make(chan struct{}), make(chan struct{}, 9)
	p.on("/order/query/", p.late(open, answered))
	<-answered // the page has looked again
	p.clear()
	d.press("确认付款")
	d.press("确认付款")
	d.sees("已付款")
	const watching = `window.shown = []; new MutationObserver(() => shown.push(document.querySelector("h1").innerText))
		.observe(document.querySelector("main"), {subtree: true, childList: true, characterData: true}); true`
	require.True(t, js[bool](d, watching))
	close(open)
	require.True(t, moveOn(s.base, s.staff, id, "shipped").ok())
	d.sees("订单已更新：已发货") // it has looked since
	require.NotContains(t, js[string](d, "shown.join()"), "待付款")
	d.requireClean()
}
