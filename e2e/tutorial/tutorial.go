// Package tutorial is a test client that follows the tutorial which the service implements: it registers and logs in
// users, creates, queries and cancels orders, and compares every response to the letter.
package tutorial

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// User and OtherUser are the registrations that Follow sends. Neither they nor any order may exist before.
const (
	User      = `{"username":"test","password":"test123","email":"test@test.com"}`
	OtherUser = `{"username":"other","password":"other123","email":"other@test.com"}`
)

const (
	gone    = `{"code":1,"msg":"订单不存在","data":{}}`
	anOrder = `{"id":"1","userid":"1","product":"product1","price":100.0,"status":"created","created_at":"TIME","updated_at":"TIME","version":1}`
)

// refresh is what the service adds to the tutorial's login.
const refresh = `"refresh_token":"REFRESH","refresh_expires_in":SECONDS`

// steps run in order, and later ones depend on earlier ones. A step sends the token of the last login in its name.
var steps = []struct {
	request, as, body string
	status            int
	answer            string
}{
	{"POST /user/register", "", User, 200, `{"code":0,"msg":"注册成功","data":{"userid":"1"}}`},
	{"POST /user/register", "", OtherUser, 200, `{"code":0,"msg":"注册成功","data":{"userid":"2"}}`},
	{"POST /user/register", "", User, 200, `{"code":1,"msg":"用户名已存在","data":{}}`},
	{"POST /user/login", "test", `{"username":"test","password":"wrong-one"}`, 200, `{"code":1,"msg":"用户名或密码错误","data":{}}`},
	{"POST /user/login", "test", `{"username":"nobody","password":"test123"}`, 200, `{"code":1,"msg":"用户名或密码错误","data":{}}`},
	{"POST /user/login", "test", `{"username":"test","password":"test123"}`, 200,
		`{"code":0,"msg":"登录成功","data":{"token":"TOKEN","userid":"1","expires_in":3600,` + refresh + `}}`},
	{"GET /user/info", "test", "", 200,
		`{"code":0,"msg":"查询成功","data":{"userid":"1","username":"test","email":"test@test.com","role":"customer","created_at":"TIME"}}`},
	{"GET /user/info", "", "", 401, `{"code":401,"msg":"请先登录","data":{}}`},

	{"POST /order/create", "test", `{"userid":"1","product":"product1","price":100.0}`, 200,
		`{"code":0,"msg":"创建成功","data":` + anOrder + `}`},
	{"GET /order/query/1", "test", "", 200, `{"code":0,"msg":"查询成功","data":` + anOrder + `}`},
	{"GET /order/query/2", "test", "", 200, gone},
	{"GET /order/query/9223372036854775807", "test", "", 200, gone},
	{"GET /order/query/1", "", "", 401, `{"code":401,"msg":"请先登录","data":{}}`},

	// The tutorial shows userid as a string and compares it as a number: both are accepted, and it may be left out.
	{"POST /order/create", "test", `{"userid":1,"product":"product2","price":19.99}`, 200,
		`{"code":0,"msg":"创建成功","data":{"id":"2","userid":"1","product":"product2","price":19.99,"status":"created","created_at":"TIME","updated_at":"TIME","version":1}}`},
	{"POST /order/create", "test", `{"product":" 手机 ","price":1e2}`, 200,
		`{"code":0,"msg":"创建成功","data":{"id":"3","userid":"1","product":"手机","price":100.0,"status":"created","created_at":"TIME","updated_at":"TIME","version":1}}`},

	{"POST /user/login", "other", `{"username":"OTHER","password":"other123"}`, 200,
		`{"code":0,"msg":"登录成功","data":{"token":"TOKEN","userid":"2","expires_in":3600,` + refresh + `}}`},
	{"GET /order/query/1", "other", "", 403, `{"code":403,"msg":"无权操作其他用户的订单","data":{}}`},
	{"DELETE /order/cancel/1", "other", "", 403, `{"code":403,"msg":"无权操作其他用户的订单","data":{}}`},
	{"POST /order/create", "other", `{"userid":"1","product":"product1","price":100.0}`, 403,
		`{"code":403,"msg":"无权操作其他用户的订单","data":{}}`},

	{"DELETE /order/cancel/1", "test", "", 200, `{"code":0,"msg":"取消成功","data":{}}`},
	{"DELETE /order/cancel/1", "test", "", 200, gone},
	{"GET /order/query/1", "test", "", 200, gone},
	{"GET /order/query/1", "other", "", 200, gone},
	{"DELETE /order/cancel/1", "other", "", 200, gone},
	{"GET /order/query/2", "test", "", 200,
		`{"code":0,"msg":"查询成功","data":{"id":"2","userid":"1","product":"product2","price":19.99,"status":"created","created_at":"TIME","updated_at":"TIME","version":1}}`},

	{"GET /healthz", "", "", 200, `{"code":0,"msg":"运行中","data":{}}`},
	{"GET /readyz", "", "", 200, `{"code":0,"msg":"就绪","data":{}}`},
}

var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`), `"created_at":"TIME"`},
	{regexp.MustCompile(`"updated_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`), `"updated_at":"TIME"`},
	{regexp.MustCompile(`"token":"[\w-]+\.[\w-]+\.[\w-]+"`), `"token":"TOKEN"`},
	{regexp.MustCompile(`"refresh_token":"[\w-]{55}","refresh_expires_in":\d{7}`), refresh},
}

var token = regexp.MustCompile(`"token":"([^"]+)"`)

// Follow sends all requests to base and fails the test at the first response that differs from the tutorial's.
func Follow(t *testing.T, base string, send func(*http.Request) (*http.Response, error)) {
	t.Helper()
	tokens := map[string]string{}
	for i, step := range steps {
		name := fmt.Sprintf("step %d: %s as %q", i+1, step.request, step.as)
		method, path, _ := strings.Cut(step.request, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(step.body))
		require.NoError(t, err)
		if step.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if bearer := tokens[step.as]; bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		response, err := send(r)
		require.NoError(t, err, name)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		require.Equal(t, step.status, response.StatusCode, "%s: %s", name, body)
		require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"), name)
		if found := token.FindSubmatch(body); found != nil {
			tokens[step.as] = string(found[1])
		}
		got := string(body)
		for _, v := range varying {
			got = v.pattern.ReplaceAllString(got, v.name)
		}
		require.Equal(t, step.answer+"\n", got, name)
	}
}
