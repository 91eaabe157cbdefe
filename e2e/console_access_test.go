//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// stock fills a shop with orders in every status, with a receiver that does not take their events.
func stock(t *testing.T, settings ...string) shop {
	t.Helper()
	r := newReceiver(t)
	r.answering(refuse(500))
	s := openShop(t, r.settings(settings...)...)
	products := []string{"青花瓷茶杯", "Oolong tea, 250 g", "紫砂壶", "普洱茶饼", "A bamboo tray with a rather long name, which goes over more than one line on a phone"}
	for i := range 24 {
		answer := send("POST", s.base+"/order/create", s.customer, fmt.Sprintf(
			`{"product":%q,"price":%d.%02d,"metadata":{"address":"杭州市西湖区龙井路 1 号","phone":"138 0000 0000"}}`,
			products[i%len(products)], (i*i*i*37)%9000+12, i*7%100))
		require.True(t, answer.ok(), answer.body)
		path := [][]string{{}, {"paid"}, {"paid", "shipped"}, {"paid", "shipped", "completed"}, {"cancelled"}}[(24-i)*3%5]
		for _, status := range path {
			require.True(t, send("POST", s.base+"/order/status/"+answer.Data.ID, s.staff,
				fmt.Sprintf(`{"status":%q,"note":"WeChat Pay 10086"}`, status)).ok())
		}
	}
	return s
}

// inEnglish has the words of scenes.
var inEnglish = map[string]string{
	"仅限管理人员": "Staff only", "已付款": "Paid", "全部": "All", "新订单：1": "New orders: 1", "普通用户": "Customer",
	"没有名为": "Nobody is called", "状态码 500": "status 500", "没有这个页面": "There is no such page",
}

// scenes calls visit with each view of the console.
func (d *desk) scenes(english bool, visit func(name string)) {
	d.Helper()
	say := func(word string) string {
		if english {
			return inEnglish[word]
		}
		return word
	}
	visit("login")
	d.logIn("anna")
	d.sees(say("仅限管理人员"))
	visit("staff-only")
	d.atWork("青花瓷茶杯")
	visit("orders")
	d.press(say("已付款"))
	d.until(fmt.Sprintf(`[...document.querySelectorAll("tbody .chip")].every(chip => chip.textContent === %q)`, say("已付款")))
	d.press(say("全部"))
	d.until(`document.querySelectorAll("tbody tr").length === 20`)
	d.sell(d.T, "新到的明前龙井", "88")
	d.sees("新到的明前龙井", say("新订单：1"))
	visit("new-order")
	d.opens("orders/23", "杭州市西湖区")
	visit("order")
	d.do(chromedp.Click(chromedp.CSS("main button.main")))
	d.until("document.querySelector('dialog[open]') !== null")
	visit("dialog")
	d.do(chromedp.KeyEvent(kb.Escape))
	d.opens("users", say("普通用户"))
	visit("users")
	d.opens("users/2", say("普通用户"))
	visit("user")
	d.opens("users?name=bob", say("没有名为"))
	visit("nobody")
	d.opens("webhooks", say("状态码 500"))
	visit("webhooks")
	d.opens("nothing", say("没有这个页面"))
	visit("nothing")
}

// pictures has the scenes that the READMEs show.
var pictures = map[string]string{
	"new-order light 1280": "console.png", "order light 1280": "console-order.png", "new-order light 390": "console-phone.png",
	"new-order dark 1280": "console.zh-CN.png", "order dark 1280": "console-order.zh-CN.png", "new-order dark 390": "console-phone.zh-CN.png",
}

func TestEveryViewOfTheConsoleFitsAndKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	script := axe(t)
	for _, width := range []int64{390, 1280} {
		for theme, settings := range map[string][2]string{"light": {"1", "en-US"}, "dark": {"0", "zh-CN"}} {
			t.Run(fmt.Sprintf("%s %d", theme, width), func(t *testing.T) {
				t.Parallel()
				d := stock(t).sitDown(t, chromedp.Flag("blink-settings", "preferredColorScheme="+settings[0]), chromedp.Flag("accept-lang", settings[1]))
				d.do(chromedp.EmulateViewport(width, map[int64]int64{390: 844, 1280: 900}[width]))
				js[bool](d, script+"; true")
				d.scenes(settings[1] == "en-US", func(name string) {
					if file := pictures[fmt.Sprint(name, " ", theme, " ", width)]; file != "" {
						screenshot(d.ctx, t, file)
					}
					require.LessOrEqual(t, js[float64](d, "document.documentElement.scrollWidth"), float64(width), name)
					found := js[[]finding](d, "axe.run().then(result => result.violations)", chromedp.EvalAwaitPromise)
					require.Empty(t, found, name)
				})
				d.requireClean()
			})
		}
	}
}

func TestTheConsoleWorksByKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	id := s.sell(t, "tea", "1")
	d := s.sitDown(t)
	keys := func(keys ...string) { d.do(chromedp.KeyEvent(strings.Join(keys, ""))) }
	// to moves the focus to the element with a name.
	to := func(name string) {
		t.Helper()
		for range 40 {
			if js[string](d, "document.activeElement.textContent.trim()") == name {
				visible := js[bool](d, `(() => { const e = document.activeElement; return e.matches(":focus-visible") && getComputedStyle(e).outlineStyle !== "none" })()`)
				require.True(t, visible, "the focus on %s cannot be seen", name)
				return
			}
			keys(kb.Tab)
		}
		require.FailNow(t, "Tab never gets to "+name)
	}
	keys("clerk", kb.Tab, "test123", kb.Enter) // the first field has the focus
	d.sees("tea")
	to("跳到内容")
	keys(kb.Enter)
	d.until("document.activeElement.tagName === 'H1'")
	to(id)
	keys(kb.Enter)
	d.sees("订单 " + id)
	d.until("document.activeElement.tagName === 'H1'")
	to("确认付款")
	keys(kb.Enter)
	d.until("document.activeElement.name === 'note'")
	keys(kb.Escape)
	d.until("!document.querySelector('dialog')")
	require.Equal(t, "确认付款", js[string](d, "document.activeElement.textContent"))
	keys(kb.Enter)
	d.until("document.activeElement.name === 'note'")
	keys("cash", kb.Enter)
	d.sees("已付款", "cash")
	d.until("document.activeElement.tagName === 'H1'")
	keys(kb.Tab)
	require.Equal(t, "anna", js[string](d, "document.activeElement.textContent"), "Tab goes on from the heading")
	keys(kb.Enter)
	d.sees("anna@example.com")
	to("停用账户")
	keys(kb.Enter)
	d.until("document.activeElement.textContent === '返回'") // what changes nothing comes first
	keys(kb.Enter)
	d.until("document.activeElement.textContent === '停用账户'")
	js[bool](d, "document.activeElement.blur(), true")
	to("退出")
	keys(kb.Enter)
	d.sees("已退出")
	d.requireClean()
}
