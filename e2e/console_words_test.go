//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestViewsOfUsersRecover(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	d := behind.sitDown(t).atWork("还没有订单")
	for view, text := range map[string]string{"users": "anna@example.com", "users/2": "anna@example.com"} {
		p.on("/user/list", busy)
		d.opens(view, "service busy")
		p.clear()
		d.press("重试")
		d.sees(text)
		d.missing("service busy", "重试")
	}
	d.requireClean(503)
}

// answering returns a meddler that answers with a status and a body.
func answering(status int, body string) meddler {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheConsolePutsFailuresInWords(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	behind, p := s.behindProxy(t)
	d := behind.sitDown(t, chromedp.Flag("accept-lang", "en-US")).atWork("There are no orders yet")
	for _, test := range []struct {
		status     int
		body, text string
	}{
		{502, "<html><h1>502 Bad Gateway</h1></html>", "not available at the moment (status 502)"},
		{503, "null", "not available at the moment (status 503)"},
		{200, "null", "does not come from this service (status 200)"},
		{200, "[]", "does not come from this service (status 200)"},
		{403, `"no"`, "does not come from this service (status 403)"},
		{429, `{"error":"slow down"}`, "does not come from this service (status 429)"},
	} {
		p.on("/user/list", answering(test.status, test.body))
		d.opens("users", test.text)
		d.opens("webhooks", "No webhooks")
	}
	p.clear()
	for view, text := range map[string]string{
		"users/9223372036854775807": "There is no user 9223372036854775807",
		"users/9223372036854775808": "There is no user 9223372036854775808",
		"users?name=%s":             "Nobody is called “%s”",
	} {
		d.opens(view, text)
	}
	d.opens("users?name=+", "anna@example.com")
	d.missing("invalid")
	d.requireClean(400, 403, 429, 502, 503)
}

// TestTheTextOfACustomerDoesNotTurnAPriceAround: U+202E has what follows it run from right to left, and U+2069 ends the isolation
// of a text from its surroundings.
func TestTheTextOfACustomerDoesNotTurnAPriceAround(t *testing.T) {
	t.Parallel()
	const isTurned = `(() => {
		const texts = document.createTreeWalker(document.querySelector("dialog"), NodeFilter.SHOW_TEXT);
		for (let text = texts.nextNode(); text; text = texts.nextNode()) {
			const start = text.data.indexOf("1,000.09");
			if (start < 0) continue;
			const range = document.createRange();
			const left = at => (range.setStart(text, at), range.setEnd(text, at + 1), range.getBoundingClientRect().left);
			return left(start) > left(start + 7);
		}
		throw "the price is not there";
	})()`
	s := openShop(t)
	d := s.sitDown(t).atWork("还没有订单")
	for _, product := range []string{"tea \u202e", "tea \u2069\u202e", "شاي"} {
		body, err := json.Marshal(map[string]any{"product": product, "price": json.Number("1000.09")})
		require.NoError(t, err)
		id := send("POST", s.base+"/order/create", s.customer, string(body)).Data.ID
		d.opens("orders/"+id, "订单 "+id)
		d.press("确认付款")
		d.sees("确认已收到")
		require.False(t, js[bool](d, isTurned), "%+q", product)
		d.press("返回")
	}
	name := "شاي"
	require.True(t, send("POST", s.base+"/user/register", "", registration(name, "tea@example.com")).ok())
	d.opens("users/3", name)
	d.press("停用账户")
	d.until(fmt.Sprintf("document.querySelector('dialog bdi').textContent === %q", name))
	d.requireClean()
}
