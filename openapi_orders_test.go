package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi/httpapitest"
)

// clerk is the account of the staff in these tests; 1 and 2 are customers.
const clerk = 3

// tokensFor returns a function that signs tokens without a session, as another holder of the secret does. Only clerk is
// staff.
func tokensFor(t *testing.T) func(account int64) string {
	t.Helper()
	tokens, err := auth.NewTokens(auth.Config{Secret: []byte(strings.Repeat("s", 32)), TTL: time.Hour})
	require.NoError(t, err)
	return func(account int64) string {
		caller := auth.Caller{UserID: account}
		if account == clerk {
			caller.Role = auth.Staff
		}
		token, err := tokens.Issue(caller)
		require.NoError(t, err)
		return token
	}
}

// desk sends requests about orders to a service, each of which is allowed by the document, and compares the answers with it.
type desk struct {
	*contract
	api   *service
	token func(account int64) string

	owned, other, cancelled string // ids of orders: account 1 has the first and the last, account 2 the other one
}

// say sends a request with header fields, each a name and a value, and checks the status and the message. An order in the
// answer comes with its version as the ETag, and nothing else does.
func (d *desk) say(t *testing.T, want string, account int64, line, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httpapitest.Request(line, d.token(account), body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	require.NoError(t, d.allows(r), line)
	w := d.send(t, d.api.engine, r)
	var answer struct {
		Msg  string
		Data struct{ Version int64 }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, want, fmt.Sprint(w.Code, " ", answer.Msg), line)
	tag := ""
	if answer.Data.Version != 0 {
		tag = fmt.Sprintf("%q", fmt.Sprint(answer.Data.Version))
	}
	require.Equal(t, tag, w.Header().Get("ETag"), line)
	return w
}

const newOrder = `{"product":"product1","price":100.0,"metadata":{"size":"XL","address":"a\nb"}}`

// orders asks for every answer about orders that depends on what was done before.
func (c *contract) orders(t *testing.T) {
	d := &desk{contract: c, api: whole(t), token: tokensFor(t)}
	d.createOnce(t)
	d.move(t)
	d.cancel(t)
	d.read(t)
	d.malformed(t)
	d.onlyStaffCreates(t)
}

// idOf returns the id of the order in an answer.
func idOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct{ Data struct{ ID string } }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Data.ID
}

// createOnce makes the orders. Staff makes the last one.
func (d *desk) createOnce(t *testing.T) {
	const create = "POST /order/create"
	key := []string{"Idempotency-Key", strings.Repeat("~", 254) + "!"}
	first := d.say(t, "200 创建成功", 1, create, newOrder, key...)
	require.Empty(t, first.Header().Get("Idempotent-Replayed"))
	again := d.say(t, "200 创建成功", 1, create, newOrder, append(key, "Accept-Language", "en")...)
	require.Equal(t, "true", again.Header().Get("Idempotent-Replayed"))
	require.Equal(t, "zh", again.Header().Get("Content-Language"))
	require.Equal(t, first.Body.String(), again.Body.String())
	d.say(t, "422 该幂等键已用于另一个请求", 1, create, `{"product":"product1","price":100.0}`, key...)
	d.owned, d.other = idOf(t, first), idOf(t, d.say(t, "200 创建成功", 2, create, newOrder, key...))
	require.NotEqual(t, d.owned, d.other)
	d.say(t, "403 无权操作其他用户的订单", 2, create, `{"userid":"1","product":"product1","price":100.0}`)
	d.cancelled = idOf(t, d.say(t, "200 创建成功", clerk, create, `{"userid":"1","product":"product1","price":100.0}`))
}

// move brings an order from created to completed.
func (d *desk) move(t *testing.T) {
	status, cancel := "POST /order/status/"+d.owned, "DELETE /order/cancel/"+d.owned
	d.say(t, "403 权限不足", 1, status, `{"status":"paid"}`)
	d.say(t, "403 无权操作其他用户的订单", 2, status, `{"status":"cancelled"}`)
	d.say(t, "412 订单已被修改，请重新查询", clerk, status, `{"status":"paid"}`, "If-Match", `"2"`)
	d.say(t, "200 修改成功", clerk, status, `{"status":"paid","note":"已收款\n"}`, "If-Match", `"1"`)
	d.say(t, "200 修改成功", clerk, status, `{"status":"paid"}`, "If-Match", "*")
	d.say(t, "412 订单已被修改，请重新查询", clerk, status, `{"status":"paid"}`, "If-Match", `"1"`)
	d.say(t, "412 订单已被修改，请重新查询", 1, cancel, "", "If-Match", `"1", W/"2"`)
	d.say(t, "403 无权操作其他用户的订单", 2, cancel, "")
	d.say(t, "200 修改成功", clerk, status, `{"status":"shipped"}`, "If-Match", `"1" , "2"`)
	for line, body := range map[string]string{cancel: "", status: `{"status":"created"}`} {
		w := d.say(t, "200 订单状态不允许此操作", 1, line, body)
		require.JSONEq(t, `{"code":1,"msg":"订单状态不允许此操作","data":{"status":"shipped","next":["completed"]}}`, w.Body.String(), line)
	}
	d.say(t, "200 修改成功", 1, status, `{"status":"completed"}`)
	w := d.say(t, "200 订单状态不允许此操作", clerk, status, `{"status":"cancelled"}`)
	require.Contains(t, w.Body.String(), `"next":[]`)
	d.say(t, "200 订单不存在", clerk, "POST /order/status/999", `{"status":"paid"}`)
}

// cancel cancels an order.
func (d *desk) cancel(t *testing.T) {
	d.say(t, "200 取消成功", 1, "DELETE /order/cancel/"+d.cancelled, "", "If-Match", `"1"`)
	for _, account := range []int64{1, 2, clerk} {
		d.say(t, "200 订单不存在", account, "DELETE /order/cancel/"+d.cancelled, "")
	}
	d.say(t, "200 订单不存在", 1, "POST /order/status/"+d.cancelled, `{"status":"cancelled"}`)
	d.say(t, "200 订单不存在", 1, "GET /order/query/"+d.cancelled, "")
	d.say(t, "200 查询成功", clerk, "GET /order/query/"+d.cancelled, "")
	d.say(t, "403 无权操作其他用户的订单", 1, "GET /order/query/"+d.other, "")
}

// read reads lists, histories and the feed, and asks for webhooks, of which there are none.
func (d *desk) read(t *testing.T) {
	ids := func(account int64, query string) (ids []string, next string) {
		t.Helper()
		var answer struct {
			Data struct {
				Orders []struct{ ID string }
				Next   string
			}
		}
		w := d.say(t, "200 查询成功", account, "GET /order/list"+query, "")
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		for _, order := range answer.Data.Orders {
			ids = append(ids, order.ID)
		}
		return ids, answer.Data.Next
	}
	for _, test := range []struct {
		account     int64
		query, next string
		ids         []string
	}{
		{1, "", "", []string{d.cancelled, d.owned}},
		{1, "?limit=1", d.cancelled, []string{d.cancelled}},
		{1, "?limit=1&after=" + d.cancelled, "", []string{d.owned}},
		{1, "?userid=1&status=cancelled", "", []string{d.cancelled}},
		{clerk, "", "", nil},
		{clerk, "?userid=all&limit=2", d.other, []string{d.cancelled, d.other}},
		{clerk, "?userid=1&status=completed", "", []string{d.owned}},
	} {
		found, next := ids(test.account, test.query)
		require.Equal(t, test.ids, found, test.query)
		require.Equal(t, test.next, next, test.query)
	}
	d.say(t, "403 权限不足", 1, "GET /order/list?userid=2", "")
	d.say(t, "403 权限不足", 1, "GET /order/list?userid=all", "")

	d.say(t, "200 查询成功", 1, "GET /order/history/"+d.cancelled, "")
	d.say(t, "403 无权操作其他用户的订单", 2, "GET /order/history/"+d.owned, "")
	d.say(t, "200 订单不存在", 2, "GET /order/history/999", "")
	w := d.say(t, "200 查询成功", clerk, "GET /order/history/"+d.owned, "")
	require.Equal(t, "order.created customer 1 , order.paid staff 3 已收款\n, order.shipped staff 3 , order.completed customer 1 ", told(t, w))

	d.say(t, "403 权限不足", 1, "GET /order/events", "")
	all := told(t, d.say(t, "200 查询成功", clerk, "GET /order/events?limit=100", ""))
	var pages []string
	for after := "0"; ; {
		w := d.say(t, "200 查询成功", clerk, "GET /order/events?limit=2&after="+after, "")
		var answer struct{ Data struct{ Next string } }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		if after == answer.Data.Next {
			require.Empty(t, told(t, w))
			break
		}
		after = answer.Data.Next
		pages = append(pages, told(t, w))
	}
	require.Equal(t, all, strings.Join(pages, ", "))
	require.Equal(t, 7, strings.Count(all, "order."))

	d.say(t, "403 权限不足", 1, "GET /order/webhooks", "")
	d.say(t, "403 权限不足", 1, "POST /order/webhooks/retry", "")
	w = d.say(t, "200 查询成功", clerk, "GET /order/webhooks", "")
	require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"webhooks":[]}}`, w.Body.String())
	d.say(t, "200 修改成功", clerk, "POST /order/webhooks/retry", "{}")
}

// told returns what the events in an answer say.
func told(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct {
		Data struct {
			Events []struct{ Type, By, UserID, Note string }
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	var events []string
	for _, e := range answer.Data.Events {
		events = append(events, fmt.Sprint(e.Type, " ", e.By, " ", e.UserID, " ", e.Note))
	}
	return strings.Join(events, ", ")
}

// malformed sends headers that the document does not allow.
func (d *desk) malformed(t *testing.T) {
	for line, name := range map[string]string{
		"POST /order/create": "Idempotency-Key", "POST /order/status/" + d.owned: "If-Match", "DELETE /order/cancel/" + d.owned: "If-Match",
	} {
		body := map[string]string{"Idempotency-Key": newOrder, "If-Match": `{"status":"completed"}`}[name]
		r := httpapitest.Request(line, d.token(1), body)
		r.Header.Set(name, "a b")
		require.Error(t, d.allows(r), line)
		require.Equal(t, http.StatusBadRequest, d.send(t, d.api.engine, r).Code, line)
	}
}

// onlyStaffCreates asks a service where nobody else may create orders.
func (d *desk) onlyStaffCreates(t *testing.T) {
	d.api = whole(t, "ORDER_CREATION", "staff")
	d.say(t, "403 权限不足", 1, "POST /order/create", newOrder)
	d.say(t, "200 创建成功", clerk, "POST /order/create", newOrder)
}

func TestTheHeadersOfOrdersInTheDocumentAreThoseOfTheService(t *testing.T) {
	t.Parallel()
	api := whole(t)
	d := &desk{contract: everything(t, api.engine), api: api, token: tokensFor(t)}
	require.Equal(t, "1", idOf(t, d.say(t, "200 创建成功", 1, "POST /order/create", newOrder)))
	for _, test := range []struct {
		line, body, name, value string
		status                  int
	}{
		{"POST /order/create", newOrder, "Idempotency-Key", "a", 200},
		{"POST /order/create", newOrder, "Idempotency-Key", `{"!~"}`, 200},
		{"POST /order/create", newOrder, "Idempotency-Key", strings.Repeat("k", 255), 200},
		{"POST /order/create", newOrder, "Idempotency-Key", strings.Repeat("k", 256), 400},
		{"POST /order/create", newOrder, "Idempotency-Key", "a b", 400},
		{"POST /order/create", newOrder, "Idempotency-Key", "a\t", 400},
		{"POST /order/create", newOrder, "Idempotency-Key", "键", 400},
		{"POST /order/create", newOrder, "Idempotency-Key", "\x7f", 400},
		{"POST /order/status/1", `{"status":"cancelled"}`, "If-Match", "1", 400},
		{"POST /order/status/1", `{"status":"cancelled"}`, "If-Match", `"1`, 400},
		{"POST /order/status/1", `{"status":"cancelled"}`, "If-Match", `"1" "2"`, 400},
		{"POST /order/status/1", `{"status":"cancelled"}`, "If-Match", `*, "1"`, 400},
		{"DELETE /order/cancel/1", "", "If-Match", "1", 400},
		{"DELETE /order/cancel/1", "", "If-Match", `"1", 1`, 400},
		{"DELETE /order/cancel/1", "", "If-Match", `w/"1"`, 400},
		{"DELETE /order/cancel/1", "", "If-Match", `"x"`, 412},
		{"DELETE /order/cancel/1", "", "If-Match", `W/"1"`, 412},
		{"DELETE /order/cancel/1", "", "If-Match", `"01"`, 412},
		{"DELETE /order/cancel/1", "", "If-Match", `""`, 412},
		{"DELETE /order/cancel/1", "", "If-Match", `"2","1"`, 200},
	} {
		r := httpapitest.Request(test.line, d.token(1), test.body)
		r.Header.Set(test.name, test.value)
		err := d.allows(r)
		require.Equal(t, test.status != 400, err == nil, "%s %s: the document says %v", test.name, test.value, err)
		require.Equal(t, test.status, d.send(t, api.engine, r).Code, "%s %s", test.name, test.value)
	}
	for _, values := range [][]string{{""}, {"a", "a"}} { // which the document says in words
		r := httpapitest.Request("POST /order/create", d.token(1), newOrder)
		r.Header["Idempotency-Key"] = values
		require.Equal(t, http.StatusBadRequest, d.send(t, api.engine, r).Code, values)
	}
}
