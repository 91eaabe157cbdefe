package httpapi_test

import (
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

func TestAQueryIsDecodedAsABodyIs(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	type query struct {
		After httpapi.ID    `json:"after,omitzero"`
		Limit httpapi.Count `json:"limit,omitzero"`
		Name  string        `json:"name,omitzero"`
	}
	var got query
	engine.GET("/list", httpapi.Handle(func(c *gin.Context) error {
		got = query{}
		if err := httpapi.BindQuery(c, &got); err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.MsgFound, httpapi.Empty{})
	}))
	for _, test := range []struct {
		query string
		want  query
	}{
		{"", query{}},
		{"?", query{}},
		{"?after=41&limit=100&name=%E7%8E%8B", query{41, 100, "王"}},
		{"?other=1&other=2&Limit=x&limit=1", query{Limit: 1}}, // what is unknown is ignored
		{"?name=%22%5C%00", query{Name: "\"\\\x00"}},
	} {
		w := httpapitest.Call(engine, "GET /list"+test.query, "", "")
		require.Equal(t, 200, w.Code, test.query)
		require.Equal(t, test.want, got, test.query)
	}
	for query, want := range map[string]string{
		"?limit=0":         `[{"field":"limit","msg":"须为 1 到 100 的整数"}]`,
		"?limit=101":       `[{"field":"limit","msg":"须为 1 到 100 的整数"}]`,
		"?limit=1e1":       `[{"field":"limit","msg":"须为 1 到 100 的整数"}]`,
		"?limit=":          `[{"field":"limit","msg":"须为 1 到 100 的整数"}]`,
		"?limit=1&limit=1": `[{"field":"limit","msg":"只能出现一次"}]`,
		"?after=0&name=":   `[{"field":"after","msg":"必须是正整数编号"},{"field":"name","msg":"不能为空"}]`,
		"?after=%2B1":      `[{"field":"after","msg":"必须是正整数编号"}]`,
	} {
		w := httpapitest.Call(engine, "GET /list"+query, "", "")
		require.Equal(t, 400, w.Code, query)
		require.JSONEq(t, `{"code":400,"msg":"参数错误","data":{"errors":`+want+`}}`, w.Body.String(), query)
	}
	for _, query := range []string{"?limit=%zz", "?a;b", "?%"} {
		w := httpapitest.Call(engine, "GET /list"+query, "", "")
		require.JSONEq(t, `{"code":400,"msg":"查询参数格式不正确","data":{}}`, w.Body.String(), query)
	}
	require.Equal(t, 20, httpapi.Count(0).OrDefault())
	require.Equal(t, 7, httpapi.Count(7).OrDefault())
}

func TestABodyThatIsOptional(t *testing.T) {
	engine := newEngine(t, httpapi.Config{})
	engine.POST("/", httpapi.Handle(func(c *gin.Context) error {
		body := struct {
			Name string `json:"name,omitzero"`
		}{"default"}
		if err := httpapi.BindOptional(c, &body); err != nil {
			return err
		}
		return httpapi.OK(c, httpapi.Text{body.Name, body.Name}, httpapi.Empty{})
	}))
	for body, want := range map[string]string{
		"": "default", "{}": "default", `{"name":"x"}`: "x", "null": "请求体必须是一个 JSON 对象", " ": "请求体为空",
	} {
		require.Contains(t, httpapitest.Call(engine, "POST /", "", body).Body.String(), `"msg":"`+want+`"`, "%q", body)
	}
	form := httpapitest.Request("POST /", "", "")
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d '' sends it
	require.Equal(t, 200, httpapitest.Serve(engine, form).Code)
}
