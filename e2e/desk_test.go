//go:build unix

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shop is a service with a member of staff, called clerk, and a customer, called anna.
type shop struct {
	base, database  string
	staff, customer string // tokens
}

func openShop(t *testing.T, settings ...string) shop {
	t.Helper()
	dir := t.TempDir()
	s := shop{database: "sqlite:" + filepath.Join(dir, "data", "app.db")}
	s.base = start(t, dir, settings...).url(t)
	s.staff = clerk(t, s.base, s.database)
	s.customer = enroll(t, s.base, "anna")
	return s
}

// sell has the customer order something, and returns the number of the order.
func (s shop) sell(t *testing.T, product, price string) (id string) {
	t.Helper()
	answer := send("POST", s.base+"/order/create", s.customer, fmt.Sprintf(`{"product":%q,"price":%s}`, product, price))
	require.True(t, answer.ok(), answer.body)
	return answer.Data.ID
}

// desk is a tab with the console.
type desk struct {
	*testing.T
	shop
	ctx  context.Context
	seen *visit
}

// sitDown opens the console in a browser of its own.
func (s shop) sitDown(t *testing.T, more ...chromedp.ExecAllocatorOption) *desk {
	t.Helper()
	d := &desk{T: t, shop: s, ctx: browser(t, more...)}
	d.seen = watch(d.ctx, t)
	d.do(chromedp.Navigate(s.base+"/console"), chromedp.WaitVisible(chromedp.CSS("input[name=username]")))
	return d
}

func (d *desk) do(actions ...chromedp.Action[chromedp.Void]) {
	d.Helper()
	require.NoError(d, chromedp.Do(d.ctx, actions...))
}

// js returns the value of a script.
func js[T any](d *desk, script string, options ...chromedp.EvaluateOption) T {
	d.Helper()
	value, err := chromedp.Run(d.ctx, chromedp.Evaluate[T](script, options...))
	require.NoError(d, err)
	return value
}

// until waits until a script is true.
func (d *desk) until(script string) {
	d.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for !js[bool](d, script) {
		if time.Now().After(deadline) {
			require.FailNow(d, script+" is never true", js[string](d, "location.hash+'\\n'+document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// sees waits until the page shows some texts.
func (d *desk) sees(texts ...string) {
	d.Helper()
	for _, text := range texts {
		d.until("document.body.innerText.includes(" + strconv.Quote(text) + ")")
	}
}

// missing requires that the page shows none of some texts.
func (d *desk) missing(texts ...string) {
	d.Helper()
	shown := js[string](d, "document.body.innerText")
	for _, text := range texts {
		require.NotContains(d, shown, text)
	}
}

// press clicks the link or button with a name, in the dialog if one is open.
func (d *desk) press(name string) {
	d.Helper()
	within := ""
	if js[bool](d, "document.querySelector('dialog[open]') !== null") {
		within = "//dialog"
	}
	d.do(chromedp.Click(chromedp.Search(fmt.Sprintf(`%s//*[self::a or self::button][normalize-space()=%q]`, within, name))))
}

func (d *desk) enter(field, text string) {
	d.Helper()
	selector := "input[name=" + field + "]"
	d.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	js[string](d, fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	d.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// goes opens a part of the page, like "orders/1".
func (d *desk) goes(to string) {
	d.Helper()
	js[bool](d, fmt.Sprintf(`location.hash = "#/%s"; true`, to))
}

// hide has the page believe that its tab is not in front, or that it is again.
func (d *desk) hide(hidden bool) {
	d.Helper()
	js[bool](d, fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %t, configurable: true});
		document.dispatchEvent(new Event("visibilitychange")); true`, hidden))
}

func (d *desk) logIn(name string) {
	d.Helper()
	d.enter("username", name)
	d.enter("password", "test123\r")
}

// atWork logs in and waits for the orders.
func (d *desk) atWork(orders string) *desk {
	d.Helper()
	d.logIn("clerk")
	d.sees(orders)
	return d
}

// requireClean checks that nothing was asked of another host and that the browser complained of nothing but responses with
// some statuses.
func (d *desk) requireClean(expected ...int) {
	d.Helper()
	d.seen.mu.Lock()
	defer d.seen.mu.Unlock()
	for _, complaint := range d.seen.complaints {
		require.True(d, slices.ContainsFunc(expected, func(status int) bool {
			return strings.Contains(complaint, fmt.Sprintf("responded with a status of %d ", status))
		}), complaint)
	}
	require.Greater(d, len(d.seen.requests), 8)
	for _, url := range d.seen.requests {
		require.True(d, strings.HasPrefix(url, d.base+"/"), "it asked for %s", url)
	}
}

// opens opens a part of the page and waits for a text.
func (d *desk) opens(to, text string) {
	d.Helper()
	d.goes(to)
	d.sees(text)
}
