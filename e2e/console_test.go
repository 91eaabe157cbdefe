//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

func TestStaffTakesAnOrderFromPaymentToTheEndInTheConsole(t *testing.T) {
	t.Parallel()
	s := openShop(t, "CORS_ORIGINS=https://other.example.com")
	d := s.sitDown(t).atWork("还没有订单")
	first := s.sell(t, "青花瓷茶杯", "9007199254.99")
	d.sees("青花瓷茶杯", "9,007,199,254.99", "新订单：1")
	d.press(first)
	d.sees("订单 "+first, "待付款", "anna", "用户 · anna")
	for _, step := range []struct{ button, note, status, event string }{
		{"确认付款", "WeChat 10086", "已付款", "order.paid"},
		{"发货", "SF 12345", "已发货", "order.shipped"},
		{"完成", "", "已完成", "order.completed"},
	} {
		d.press(step.button)
		d.sees("备注（可不填")
		d.enter("note", step.note)
		d.press(step.button)
		d.sees(step.status, step.note)
		d.until("!document.querySelector('dialog')")
		d.until("document.activeElement.tagName === 'H1'")
		history := historyOf(t, s.base, s.staff, first)
		last := history[len(history)-1]
		require.Equal(t, []string{step.event, "staff", step.note}, []string{last.Type, last.By, last.Note})
	}
	d.sees("没有后续操作")

	second := s.sell(t, "普洱茶饼", "12.5")
	d.press("返回订单列表")
	d.sees("12.50")
	d.press(second)
	d.press("取消订单")
	d.sees("取消后不能恢复")
	d.press("返回")
	d.until("!document.querySelector('dialog') && document.activeElement.textContent === '取消订单'")
	require.Equal(t, "created", send("GET", s.base+"/order/query/"+second, s.staff, "").Data.Status)
	d.press("取消订单")
	d.press("取消订单")
	d.sees("已取消", "没有后续操作")
	require.Equal(t, "cancelled", send("GET", s.base+"/order/query/"+second, s.staff, "").Data.Status)
	d.requireClean()
}

// TestTheConsoleOffersTheChangesThatTheServiceAllows compares the buttons with what the service names as next.
func TestTheConsoleOffersTheChangesThatTheServiceAllows(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	d := s.sitDown(t, chromedp.Flag("accept-lang", "en-US")).atWork("There are no orders yet")
	names := map[string]string{"paid": "Mark paid", "shipped": "Ship", "completed": "Complete", "cancelled": "Cancel order"}
	for _, path := range [][]string{nil, {"paid"}, {"paid", "shipped"}, {"paid", "shipped", "completed"}, {"cancelled"}} {
		id := s.sell(t, "tea", "1")
		for _, status := range path {
			require.True(t, moveOn(s.base, s.staff, id, status).ok())
		}
		var refusal struct{ Data struct{ Next []string } }
		require.NoError(t, json.Unmarshal([]byte(moveOn(s.base, s.staff, id, "created").body), &refusal))
		want := []string{}
		for _, status := range refusal.Data.Next {
			want = append(want, names[status])
		}
		d.goes("orders/" + id)
		d.sees("Order "+id, "History")
		buttons := js[[]string](d, `[...document.querySelectorAll("main button")].map(button => button.textContent)`)
		require.ElementsMatch(t, want, buttons, path)
	}
	d.requireClean()
}

func TestTwoMembersOfStaffDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	id := s.sell(t, "tea", "1")
	d := s.sitDown(t).atWork("tea")
	d.opens("orders/"+id, "取消订单")
	d.hide(true) // it does not look by itself
	d.press("取消订单")
	require.True(t, moveOn(s.base, s.staff, id, "paid").ok())
	d.press("取消订单")
	d.sees("订单已被修改", "已付款")
	require.Equal(t, "paid", send("GET", s.base+"/order/query/"+id, s.staff, "").Data.Status)
	d.until("!document.querySelector('dialog')")

	require.True(t, moveOn(s.base, s.staff, id, "shipped").ok())
	d.hide(false)
	d.sees("订单已更新：已发货") // by itself
	d.press("完成")
	d.requireClean(412)
}

func TestOrdersAreListedByStatusPageByPageAndOpenedByNumber(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for i := range 45 {
		id := s.sell(t, fmt.Sprintf("tea %d", i+1), "1")
		if i%3 == 0 {
			require.True(t, moveOn(s.base, s.staff, id, "paid").ok())
		}
	}
	d := s.sitDown(t).atWork("tea 45")
	const rows = `document.querySelectorAll("tbody tr").length`
	d.until(rows + " === 20")
	d.press("显示更多")
	d.until(rows + " === 40")
	require.Equal(t, "25", js[string](d, "document.activeElement.textContent"), "the focus goes to the first of the new rows")
	s.sell(t, "tea 46", "1")
	d.sees("tea 46")
	d.press("显示更多")
	d.until(rows + " === 46")
	d.until(`![...document.querySelectorAll("button")].some(button => button.textContent === "显示更多")`)
	require.Equal(t, 46, js[int](d, `new Set([...document.querySelectorAll("tbody th a")].map(link => link.textContent)).size`))

	d.press("已付款")
	d.until(rows + " === 15")
	require.True(t, moveOn(s.base, s.staff, "1", "shipped").ok())
	d.until(rows + " === 14") // it has left the list
	d.press("已完成")
	d.sees("没有“已完成”的订单")
	d.enter("number", "7\r")
	d.sees("订单 7", "tea 7")
	d.opens("orders/99", "没有订单 99")
	d.opens("orders/x", "没有订单 x")
	d.opens("nothing", "没有这个页面")
	d.do(chromedp.NavigateBack(), chromedp.NavigateBack(), chromedp.NavigateBack())
	d.sees("tea 7")
	d.requireClean(400)
}

// TestAListReadAgainIsMergedIntoWhatIsShown: a row is its id and its version, like 7v2, and a list ends with … if it goes on.
func TestAListReadAgainIsMergedIntoWhatIsShown(t *testing.T) {
	t.Parallel()
	d := openShop(t).sitDown(t)
	for name, test := range map[string]struct{ shown, first, merged, arrived string }{
		"nothing new":              {"9 8 7 …", "9 8 …", "9 8 7 …", ""},
		"a change":                 {"9v1 8v1 7v1", "9v1 8v2 …", "9v1 8v2 7v1", ""},
		"a new one":                {"9 8 7 6", "10 9 …", "10 9 8 7 6", "10"},
		"more digits":              {"99 98 97", "100 99 …", "100 99 98 97", "100"},
		"so many that it may lack": {"9 8 7", "14 13 12 …", "14 13 12 …", "14 13 12"},
		"just joined":              {"9 8 7 …", "11 10 9 …", "11 10 9 8 7 …", "11 10"},
		"one has left":             {"9 8 7 6 5", "9 7 6 …", "9 7 6 5", ""},
		"the next ones move up":    {"9 8 7 …", "9 7 6 …", "9 7 6 …", ""},
		"an old one has come":      {"9 6 5 …", "9 7 6 …", "9 7 6 5 …", "7"},
		"an old one of few":        {"9 6 5", "9 6 5 4", "9 6 5 4", "4"},
		"all of it":                {"9 8", "9 8", "9 8", ""},
		"all have left":            {"9 8", "", "", ""},
		"the first":                {"", "1", "1", "1"},
	} {
		got := js[[]string](d, fmt.Sprintf(`import(document.querySelector("script").src.replace("app.js", "list.js")).then(({merge, arrivals}) => {
			const list = text => ({
				rows: (text.match(/\d+(v\d+)?/g) ?? []).map(row => ({id: row.split("v")[0], row})), next: text.includes("…") ? "more" : undefined,
			});
			const show = list => list.rows.map(row => row.row).concat(list.next ? "…" : []).join(" ");
			const shown = list(%q), first = list(%q);
			return [show(merge(shown, first)), arrivals(shown, first).join(" ")];
		})`, test.shown, test.first), chromedp.EvalAwaitPromise)
		require.Equal(t, []string{test.merged, test.arrived}, got, name)
	}
}

func TestStaffFindsAUserAndDisablesTheAccount(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.sell(t, "tea", "3.5")
	d := s.sitDown(t).atWork("tea")
	d.press("用户")
	d.sees("anna", "clerk", "anna@example.com")
	d.enter("name", "bob\r")
	d.sees("没有名为“bob”的用户")
	d.enter("name", "ANNA\r")
	d.until(`document.querySelectorAll("tbody tr").length === 1`)
	d.press("anna")
	d.sees("普通用户", "正常", "3.50", "anna@example.com")

	d.press("停用账户")
	d.sees("全部会话立即结束")
	d.press("停用账户")
	d.sees("已停用", "已修改")
	require.Equal(t, 401, send("GET", s.base+"/user/info", s.customer, "").status)
	d.press("启用账户")
	d.press("启用账户")
	d.sees("正常")
	d.press("设为管理员")
	d.sees("查看和处理所有订单")
	d.do(chromedp.KeyEvent(kb.Escape))
	d.until("!document.querySelector('dialog')")
	d.sees("普通用户")
	d.press("设为管理员")
	d.press("设为管理员")
	d.until(`document.querySelector("dl").innerText.includes("管理员")`)

	d.goes("users/1")
	d.sees("clerk", "这是您自己的账户")
	d.missing("停用账户")
	d.opens("users/99", "没有用户 99")
	d.opens("users/x", "没有用户 x")
	d.requireClean()
}

// TestWebhooksThatLookTheSameHaveNumbers: what differs is in the query, which nobody sees. The metrics have the same numbers.
func TestWebhooksThatLookTheSameHaveNumbers(t *testing.T) {
	t.Parallel()
	r, other := newReceiver(t), newReceiver(t)
	r.answering(refuse(500))
	s := openShop(t, r.settings("WEBHOOK_URLS="+other.URL+"/hook,"+r.URL+"/hook?key=1,"+r.URL+"/hook?key=2")...)
	d := s.sitDown(t).atWork("还没有订单")
	d.opens("webhooks", "1 · "+other.URL)
	d.sees("2 · "+r.URL+"/hook?***", "3 · "+r.URL+"/hook?***")
	s.sell(t, "tea", "1")
	d.until(`[...document.querySelectorAll(".card")].map(card => card.textContent.includes("返回状态码 500")).join() === "false,true,true"`)
	d.requireClean()
}

func TestTheConsoleShowsWhatWaitsForWebhooksAndSendsItAgain(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.answering(refuse(500))
	s := openShop(t, r.settings("WEBHOOK_URLS="+r.URL+"/hook?key=hunter2")...)
	d := s.sitDown(t).atWork("还没有订单")
	d.press("Webhook")
	d.sees("没有等待发送的事件", "/hook?***")
	d.missing("hunter2")
	s.sell(t, "tea", "1")
	d.sees("等待发送", "返回状态码 500", "下次发送")
	r.answering(take)
	d.press("立即重发")
	d.sees("正在重新发送", "没有等待发送的事件")
	d.requireClean()

	none := openShop(t).sitDown(t, chromedp.Flag("accept-lang", "en-US")).atWork("There are no orders yet")
	none.press("Webhooks")
	none.sees("No webhooks are set up", "WEBHOOK_URLS")
}
