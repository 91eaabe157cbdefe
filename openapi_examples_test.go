package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"userorder/auth"
	"userorder/httpapi/httpapitest"
	"userorder/user"
)

// newcomer is somebody who opens the page, and what it has filled into the requests since, by operationId.
type newcomer struct {
	token  string
	filled map[string]tree
}

// keysOf returns the names of the members of a section of the document, in their order.
func keysOf(t *testing.T, text []byte, section string) (names []string) {
	t.Helper()
	var document map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &document))
	node := document[section]
	for i := 0; i < len(node.Content); i += 2 {
		names = append(names, node.Content[i].Value)
	}
	require.NotEmpty(t, names, section)
	return names
}

// onThePage calls visit with each operation in the order of the page: by tag, and then as the document has them.
func onThePage(t *testing.T, visit func(line string, operation tree)) {
	t.Helper()
	document := readYAML(t, "openapi/openapi.yaml")
	order := keysOf(t, readDocument(t), "paths")
	for _, tag := range document["tags"].([]any) {
		for _, path := range order {
			for method, operation := range paths(document)[path] {
				if method != "parameters" && operation.(tree)["tags"].([]any)[0] == tag.(tree)["name"] {
					visit(strings.ToUpper(method)+" "+path, operation.(tree))
				}
			}
		}
	}
}

// evaluate returns the value of one of the expressions of x-prefill, or nil.
func evaluate(expression any, request, response tree) any {
	if several, ok := expression.([]any); ok {
		for _, one := range several {
			if value := evaluate(one, request, response); value != nil {
				return value
			}
		}
		return nil
	}
	source, pointer, _ := strings.Cut(expression.(string), "#/")
	value := tree{"$request.body": request, "$response.body": response}[source]
	for key := range strings.SplitSeq(pointer, "/") {
		switch inner := value.(type) {
		case tree:
			value = inner[key]
		case []any:
			index, err := strconv.Atoi(key)
			if err != nil || index >= len(inner) {
				return nil
			}
			value = inner[index]
		default:
			return nil
		}
	}
	return value
}

// try sends an operation as the page prefills it, and returns the status and the message.
func (n *newcomer) try(t *testing.T, c *contract, api *service, line string, operation tree) string {
	t.Helper()
	filled := n.filled[operation["operationId"].(string)]
	_, path, _ := strings.Cut(line, " ")
	for name, value := range filled {
		line = strings.ReplaceAll(line, "{"+name+"}", fmt.Sprint(value))
	}
	var request tree
	body := ""
	if described, ok := operation["requestBody"].(tree); ok {
		request = maps.Clone(described["content"].(tree)["application/json"].(tree)["example"].(tree))
		for name, value := range filled {
			if !strings.Contains(path, "{"+name+"}") {
				request[name] = value
			}
		}
		text, err := json.Marshal(request)
		require.NoError(t, err)
		body = string(text)
	}
	method, target, _ := strings.Cut(line, " ")
	if strings.Contains(target, "{") {
		_, target, _ = strings.Cut(c.at(t, method+" "+path), " ")
	}
	token := n.token
	if len(operation["security"].([]any)) == 0 {
		token = ""
	}
	r := httpapitest.Request(method+" "+target, token, body)
	require.NoError(t, c.allows(r), line)
	w := c.send(t, api.engine, r)
	var response tree
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &response))
	if response["code"] == 0.0 {
		n.learn(request, response, operation)
	}
	return fmt.Sprint(w.Code, " ", response["msg"])
}

// learn does what the page does with an answer.
func (n *newcomer) learn(request, response, operation tree) {
	if data, ok := response["data"].(tree); ok && data["token"] != nil {
		n.token = data["token"].(string)
	}
	prefill, _ := operation["x-prefill"].(tree)
	for id, expressions := range prefill {
		for name, expression := range expressions.(tree) {
			if value := evaluate(expression, request, response); value != nil {
				if n.filled[id] == nil {
					n.filled[id] = tree{}
				}
				n.filled[id][name] = value
			}
		}
	}
}

// refusals of the examples that somebody gets who sends all of them in the order of the page, by operationId. Those of the
// other operations are successes.
var (
	ofCustomers = map[string]string{
		"setOrderStatus": "200 订单不存在", // it was cancelled before
		"listUsers":      "403 权限不足", "updateUser": "403 权限不足", "orderEvents": "403 权限不足",
		"orderWebhooks": "403 权限不足", "retryOrderWebhooks": "403 权限不足",
		"resetPassword": "200 链接无效或已过期", // the link comes by mail
		"eraseAccount":  "401 请先登录",     // the session was ended before
	}
	ofStaff = map[string]string{"resetPassword": "200 链接无效或已过期", "eraseAccount": "401 请先登录"}
)

func TestTheExamplesWorkForEachNewcomerInTheOrderOfThePage(t *testing.T) {
	t.Parallel()
	api := whole(t, withMail...)
	c := everything(t, api.engine)
	for _, name := range []string{"test-first", "test-second", "test-staff"} {
		n := &newcomer{filled: map[string]tree{"register": {"username": name, "email": name + "@test.com"}}}
		refused := ofCustomers
		if name == "test-staff" {
			refused = ofStaff
		}
		seen := map[string]bool{}
		onThePage(t, func(line string, operation tree) {
			id := operation["operationId"].(string)
			seen[id] = true
			got := n.try(t, c, api, line, operation)
			if want := refused[id]; want != "" {
				require.Equal(t, want, got, "%s: %s", name, line)
			} else {
				require.Regexp(t, `^200 .*(成功|已发送|已结束|运行中|就绪)$`, got, "%s: %s", name, line)
			}
			if id == "register" && name == "test-staff" {
				require.NoError(t, user.Grant(t.Context(), api.databases["user"], name, auth.Staff))
			}
		})
		for id := range refused {
			require.True(t, seen[id], id)
		}
	}
}

func TestWhatIsFilledInIsThere(t *testing.T) {
	t.Parallel()
	fields := map[string][]string{} // of the operations
	onThePage(t, func(line string, operation tree) {
		id := operation["operationId"].(string)
		for _, found := range inBraces.FindAllStringSubmatch(line, -1) {
			fields[id] = append(fields[id], found[1])
		}
		if body, ok := operation["requestBody"].(tree); ok {
			fields[id] = slices.AppendSeq(fields[id], maps.Keys(body["content"].(tree)["application/json"].(tree)["example"].(tree)))
		}
	})
	found := 0
	onThePage(t, func(line string, operation tree) {
		prefill, _ := operation["x-prefill"].(tree)
		for id, expressions := range prefill {
			for name, expression := range expressions.(tree) {
				found++
				require.Contains(t, fields[id], name, "%s fills in %s, which %s has not", line, name, id)
				if _, ok := expression.([]any); !ok {
					expression = []any{expression}
				}
				for _, one := range expression.([]any) {
					require.Regexp(t, `^\$(request|response)\.body#(/\w+)+$`, one)
				}
			}
		}
	})
	require.Greater(t, found, 15)
}

func TestThePageBeginsWithWhatPeopleCallFirstAndEndsWithWhatMachinesCall(t *testing.T) {
	t.Parallel()
	var order []string
	internal := map[string]bool{}
	onThePage(t, func(_ string, operation tree) {
		id := operation["operationId"].(string)
		order = append(order, id)
		internal[id] = operation["x-internal"] == true
	})
	require.Equal(t, []string{"register", "login"}, order[:2])
	for i, id := range []string{"createOrder", "queryOrder", "cancelOrder", "listOrders"} {
		require.Equal(t, 5+i, slices.Index(order, id), "%s in %v", id, order)
	}
	require.Equal(t, []string{"alive", "ready"}, order[len(order)-2:])
	for id, is := range internal {
		require.Equal(t, id == "alive" || id == "ready", is, id)
	}
	for _, tag := range readYAML(t, "openapi/openapi.yaml")["tags"].([]any) {
		require.Equal(t, tag.(tree)["name"] == "service", tag.(tree)["x-internal"] == true, tag)
	}
}
