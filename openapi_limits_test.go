package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi/httpapitest"
	"userorder/user"
)

func TestTheLimitsInTheDocumentAreThoseOfTheService(t *testing.T) {
	t.Parallel()
	api := whole(t, withMail...)
	c := everything(t, api.engine)
	member(t, api.engine, testUser)
	member(t, api.engine, otherUser)
	require.NoError(t, user.Grant(t.Context(), api.databases["user"], "test", auth.Staff))
	token := member(t, api.engine, testUser)
	account := func(name, password, email string) string {
		body, err := json.Marshal(map[string]string{"username": name, "password": password, "email": email})
		require.NoError(t, err)
		return string(body)
	}
	repeat := strings.Repeat
	metadata := func(object string) string { return `{"product":"p","price":1,"metadata":` + object + `}` }
	members := func(count int) string {
		var list []string
		for i := range count {
			list = append(list, fmt.Sprintf(`"%d":""`, i))
		}
		return strings.Join(list, ",")
	}
	for _, test := range []struct {
		line, body string
		valid      bool
	}{
		{"POST /user/register", account(repeat("名", 64), "123456", "a@b.com"), true},
		{"POST /user/register", account("x", repeat("密", 128), repeat("a", 64)+"@"+repeat("b", 61)+".com"), true},
		{"POST /user/register", account("", "123456", "a@b.com"), false},
		{"POST /user/register", account(repeat("名", 65), "123456", "a@b.com"), false},
		{"POST /user/register", account("a b", "123456", "a@b.com"), false},
		{"POST /user/register", account("y", "12345", "a@b.com"), false},
		{"POST /user/register", account("y", repeat("密", 129), "a@b.com"), false},
		{"POST /user/register", account("y", "123456", "a@"+repeat("b", 250)+".com"), false},
		{"POST /user/register", `{"username":"y","password":"123456"}`, false},
		{"POST /user/register", `{"username":"y","password":123456,"email":"a@b.com"}`, false},
		{"POST /user/login", `{"username":"nobody","password":"x","more":true}`, true},
		{"POST /user/login", `{"username":"nobody","password":""}`, false},
		{"POST /user/login", `{"username":null,"password":"x"}`, false},
		{"POST /user/login", `{"username":"","password":"x"}`, false},
		{"POST /user/refresh", `{"refresh_token":""}`, false},
		{"POST /user/refresh", `{"refresh_token":1}`, false},
		{"POST /user/logout", `{"scope":"others","more":1}`, true},
		{"POST /user/logout", `{"scope":"mine"}`, false},
		{"POST /user/logout", `{"scope":""}`, false},
		{"POST /user/logout", `{"scope":null}`, false},
		{"POST /user/password", `{"old_password":"x","new_password":"` + repeat("密", 128) + `"}`, true},
		{"POST /user/password", `{"old_password":"x","new_password":"12345"}`, false},
		{"POST /user/password", `{"old_password":"","new_password":"123456"}`, false},
		{"POST /user/email", `{"password":"x","email":"a@b.com"}`, true},
		{"POST /user/email", `{"password":"x","email":"a@` + repeat("b", 250) + `.com"}`, false},
		{"POST /user/email", `{"password":"","email":"a@b.com"}`, false},
		{"POST /user/password/forgot", `{"username":" nobody "}`, true},
		{"POST /user/password/forgot", `{"username":"two words"}`, false},
		{"POST /user/password/forgot", `{"username":""}`, false},
		{"POST /user/password/reset", `{"token":"x","new_password":"123456"}`, true},
		{"POST /user/password/reset", `{"token":"x","new_password":"12345"}`, false},
		{"POST /user/password/reset", `{"token":"","new_password":"123456"}`, false},
		{"DELETE /user/account", `{"password":"x"}`, true},
		{"DELETE /user/account", `{"password":""}`, false},
		{"GET /user/list", "", true},
		{"GET /user/list?limit=100&after=9223372036854775807&more=1", "", true},
		{"GET /user/list?username=%20TEST", "", true},
		{"GET /user/list?limit=101", "", false},
		{"GET /user/list?limit=0", "", false},
		{"GET /user/list?after=0", "", false},
		{"GET /user/list?username=two+words", "", false},
		{"POST /user/update/2", `{"role":"staff","more":1}`, true},
		{"POST /user/update/2", `{"disabled":true}`, true},
		{"POST /user/update/2", `{"role":"boss"}`, false},
		{"POST /user/update/2", `{"role":null}`, false},
		{"POST /user/update/2", `{"role":"staff","disabled":"true"}`, false},
		{"POST /user/update/2", `{"disabled":null}`, false},
		{"POST /user/update/0", `{"role":"staff"}`, false},
		{"DELETE /user/sessions/9223372036854775807", "", true},
		{"DELETE /user/sessions/x", "", false},
		{"POST /order/create", `{"product":"` + repeat("品", 200) + `","price":0}`, true},
		{"POST /order/create", `{"product":" \n` + repeat(" ", 300) + `a b\t ","price":9999999999.99}`, true},
		{"POST /order/create", `{"userid":1,"product":"p","price":19.99}`, true},
		{"POST /order/create", `{"userid":"1","product":"p","price":1e2}`, true},
		{"POST /order/create", `{"product":"` + repeat("品", 201) + `","price":0}`, false},
		{"POST /order/create", `{"product":" ","price":0}`, false},
		{"POST /order/create", `{"product":"","price":0}`, false},
		{"POST /order/create", `{"product":"a\u0007b","price":0}`, false},
		{"POST /order/create", `{"product":"a\u0085b","price":0}`, false},
		{"POST /order/create", `{"product":"p","price":-0.01}`, false},
		{"POST /order/create", `{"product":"p","price":10000000000}`, false},
		{"POST /order/create", `{"product":"p","price":"100"}`, false},
		{"POST /order/create", `{"product":"p","price":null}`, false},
		{"POST /order/create", `{"product":"p"}`, false},
		{"POST /order/create", `{"userid":null,"product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":"01","product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":0,"product":"p","price":1}`, false},
		{"POST /order/create", `{"userid":1.5,"product":"p","price":1}`, false},
		{"POST /order/create", metadata(`{"` + repeat("名", 40) + `":"` + repeat("值", 500) + `","b":"a\r\nb","c":""}`), true},
		{"POST /order/create", metadata(`{` + members(20) + `}`), true},
		{"POST /order/create", metadata(`{}`), true},
		{"POST /order/create", metadata(`{` + members(21) + `}`), false},
		{"POST /order/create", metadata(`{"` + repeat("名", 41) + `":"x"}`), false},
		{"POST /order/create", metadata(`{"a":"` + repeat("值", 501) + `"}`), false},
		{"POST /order/create", metadata(`{"":"x"}`), false},
		{"POST /order/create", metadata(`{"a\n":"x"}`), false},
		{"POST /order/create", metadata(`{"a":"x\t"}`), false},
		{"POST /order/create", metadata(`{"a":"x\u0085"}`), false},
		{"POST /order/create", metadata(`{"a":1}`), false},
		{"POST /order/create", metadata(`{"a":null}`), false},
		{"POST /order/create", metadata(`null`), false},
		{"POST /order/create", metadata(`["a"]`), false},
		{"GET /order/list?userid=all&status=paid&limit=100&after=9223372036854775807&more=1", "", true},
		{"GET /order/list?userid=7&status=cancelled", "", true},
		{"GET /order/list?status=PAID", "", false},
		{"GET /order/list?userid=ALL", "", false},
		{"GET /order/list?userid=0", "", false},
		{"GET /order/list?after=0", "", false},
		{"GET /order/list?limit=101", "", false},
		{"GET /order/events?after=0&limit=1", "", true},
		{"GET /order/events?after=9223372036854775807", "", true},
		{"GET /order/events?after=00", "", false},
		{"GET /order/events?after=-1", "", false},
		{"GET /order/events?limit=0", "", false},
		{"GET /order/webhooks?limit=0", "", true},
		{"POST /order/webhooks/retry", "", true},
		{"POST /order/webhooks/retry", `{"more":1}`, true},
		{"POST /order/webhooks/retry", `[]`, false},
		{"POST /order/status/1", `{"status":"paid","note":"` + repeat("说", 199) + `\n"}`, true},
		{"POST /order/status/1", `{"status":"created","note":"","more":1}`, true},
		{"POST /order/status/1", `{"status":"Paid"}`, false},
		{"POST /order/status/1", `{"status":""}`, false},
		{"POST /order/status/1", `{"status":null}`, false},
		{"POST /order/status/1", `{"note":"x"}`, false},
		{"POST /order/status/1", `{"status":"paid","note":null}`, false},
		{"POST /order/status/1", `{"status":"paid","note":"a\u0007"}`, false},
		{"POST /order/status/1", `{"status":"paid","note":"` + repeat("说", 201) + `"}`, false},
		{"POST /order/status/x", `{"status":"paid"}`, false},
		{"GET /order/history/9223372036854775807", "", true},
		{"GET /order/history/0", "", false},
	} {
		r := httpapitest.Request(test.line, token, test.body)
		err := c.allows(r)
		require.Equal(t, test.valid, err == nil, "%s %s: the document says %v", test.line, test.body, err)
		w := c.send(t, api.engine, r)
		require.Equal(t, test.valid, w.Code == 200, "%s %s: %s", test.line, test.body, w.Body)
	}
	// A schema cannot count all names and values together.
	for size, want := range map[int]int{4 << 10: 200, 4<<10 + 1: 400} {
		list := []string{}
		for i := range 9 {
			length := min(500, size)
			list = append(list, fmt.Sprintf(`"%d":"%s"`, i, repeat("x", max(0, length-1))))
			size -= length
		}
		r := httpapitest.Request("POST /order/create", token, metadata("{"+strings.Join(list, ",")+"}"))
		require.NoError(t, c.allows(r))
		require.Equal(t, want, c.send(t, api.engine, r).Code)
	}
}
