//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// chipOf is the status of an order on the list.
func chipOf(id string) string {
	return fmt.Sprintf(`document.querySelector('[href="#/orders/%s"]')?.closest("tr").querySelector(".chip").textContent`, id)
}

func TestEveryOrderThatIsShownIsReadAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for i := range 125 {
		s.sell(t, fmt.Sprintf("tea %d", i+1), "1")
	}
	d := s.sitDown(t).atWork("tea 125")
	for rows := 40; rows <= 120; rows += 20 {
		d.press("显示更多")
		d.until(fmt.Sprintf(`document.querySelectorAll("tbody tr").length === %d`, rows))
	}
	for _, id := range []string{"90", "9"} { // of the first hundred, and below
		require.True(t, moveOn(s.base, s.staff, id, "paid").ok())
		d.until(chipOf(id) + ` === "已付款"`)
	}
	s.sell(t, "tea 126", "1")
	d.sees("tea 126")
	d.until(`document.querySelectorAll("tbody tr").length >= 121`)
	d.requireClean()
}

func TestTheNumberOfNewOrdersIsThatOfTheirMarks(t *testing.T) {
	t.Parallel()
	const marks = `document.querySelectorAll(".badge").length`
	s := openShop(t)
	old := s.sell(t, "old", "1")
	s.sell(t, "tea", "1")
	d := s.sitDown(t).atWork("tea")
	d.opens("orders?status=created", "tea")
	gone := s.sell(t, "gone", "1")
	d.sees("gone", "新订单：1")
	require.True(t, moveOn(s.base, s.staff, gone, "paid").ok())
	d.until(marks + " === 0")
	d.missing("新订单")
	s.sell(t, "next", "1")
	d.sees("next", "新订单：1")
	require.Equal(t, 1, js[int](d, marks))

	d.opens("orders?status=paid", "gone")
	require.True(t, moveOn(s.base, s.staff, old, "paid").ok())
	d.sees("old", "新订单：1") // though its number is the least
	require.Equal(t, 1, js[int](d, marks))
	js[bool](d, "Date.now = (now => () => now() + 301_000)(Date.now); true")
	d.until(marks + " === 0")
	d.missing("新订单")
	d.requireClean()
}

func TestALateResponseDoesNotTakeANewOrderOffTheList(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	s.sell(t, "tea", "1")
	d := behind.sitDown(t).atWork("tea")
	d.opens("webhooks", "Webhook")
	open, answered := make(chan struct{}), make(chan struct{}, 9)
	p.on("/order/list", p.late(open, answered))
	d.goes("orders")
	<-answered
	p.clear()
	s.sell(t, "coffee", "1")
	d.hide(true)
	d.hide(false) // it looks at once
	d.sees("coffee")
	const responses = `performance.getEntriesByType("resource").filter(entry => entry.name.includes("/order/list")).length`
	before := js[int](d, responses)
	close(open)
	d.until(fmt.Sprintf("%s > %d", responses, before))
	require.Contains(t, js[string](d, "document.body.innerText"), "coffee")
	d.requireClean()
}

func TestTheFailureOfAFurtherPageStaysUntilItIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	for i := range 25 {
		s.sell(t, fmt.Sprintf("tea %d", i+1), "1")
	}
	d := behind.sitDown(t).atWork("tea 25")
	p.on("/order/list", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Has("after") {
			busy(w, r, next)
		} else {
			next.ServeHTTP(w, r)
		}
	})
	d.press("显示更多")
	d.sees("service busy")
	s.sell(t, "tea 26", "1")
	d.sees("tea 26", "service busy") // it has looked since
	p.clear()
	d.press("显示更多")
	d.until(`document.querySelectorAll("tbody tr").length === 26`)
	d.until(`!document.body.innerText.includes("service busy")`)
	d.requireClean(503)
}
