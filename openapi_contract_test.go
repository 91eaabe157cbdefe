package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// contract is the document, and how much of it was seen to be true.
type contract struct {
	*openapi3.T
	router routers.Router
	seen   map[string]bool // "POST /user/login 200"
	told   map[string]bool // texts
}

func newContract(t *testing.T, text []byte) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context())) // its examples, too
	c := &contract{T: doc, seen: map[string]bool{}, told: map[string]bool{}}
	c.route(t)
	return c
}

// route makes the router, for which the server is the one that is asked: it does not know relative ones.
func (c *contract) route(t *testing.T) {
	t.Helper()
	anywhere := *c.T
	anywhere.Servers = nil
	router, err := gorillamux.NewRouter(&anywhere)
	require.NoError(t, err)
	c.router = router
}

// everything is the document as it stands in the file, with what it has in words alone: testdata/unlisted.yaml, and the
// HEAD of each GET that engine has a route for. It is stricter than the document about answers: a client must bear with
// fields that it does not know, but the service has none that the document does not name.
func everything(t *testing.T, engine *gin.Engine) *contract {
	t.Helper()
	document, unlisted := readYAML(t, "openapi/openapi.yaml"), readYAML(t, "testdata/unlisted.yaml")
	closeAnswers(document)
	merge(document, unlisted)
	text, err := json.Marshal(document)
	require.NoError(t, err)
	c := newContract(t, text)
	for _, route := range engine.Routes() {
		path := c.Paths.Value(parameter.ReplaceAllString(route.Path, "{$1}"))
		if route.Method == http.MethodHead && path != nil && path.Get != nil {
			path.Head = path.Get
		}
	}
	c.route(t)
	return c
}

func readDocument(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("openapi/openapi.yaml")
	require.NoError(t, err)
	return text
}

type tree = map[string]any

func readYAML(t *testing.T, path string) (content tree) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &content))
	return content
}

// merge adds what is in from to into, which must not have it.
func merge(into, from tree) {
	for key, value := range from {
		if inner, ok := into[key].(tree); ok {
			merge(inner, value.(tree))
			continue
		}
		if into[key] != nil {
			panic(key + " is there already")
		}
		into[key] = value
	}
}

func paths(document tree) map[string]tree {
	all := map[string]tree{}
	for path, item := range document["paths"].(tree) {
		all[path] = item.(tree)
	}
	return all
}

// closeAnswers forbids fields that a schema does not name, unless it is a request's or says what others may be. What a webhook
// gets is an answer in this sense: the service writes it.
func closeAnswers(document tree) {
	requests := map[string]bool{}
	for _, item := range paths(document) {
		for operation := range maps.Values(item) {
			if operation, ok := operation.(tree); ok && operation["requestBody"] != nil {
				content := operation["requestBody"].(tree)["content"].(tree)["application/json"].(tree)
				requests[content["schema"].(tree)["$ref"].(string)] = true
			}
		}
	}
	for _, hook := range document["webhooks"].(tree) {
		content := hook.(tree)["post"].(tree)["requestBody"].(tree)["content"].(tree)["application/json"].(tree)
		content["schema"].(tree)["additionalProperties"] = false
	}
	for name, schema := range document["components"].(tree)["schemas"].(tree) {
		schema := schema.(tree)
		if schema["type"] == "object" && schema["additionalProperties"] == nil && !requests["#/components/schemas/"+name] {
			schema["additionalProperties"] = false
		}
	}
}

// isPublic reports whether an operation needs no token.
func isPublic(operation *openapi3.Operation) bool {
	return operation.Security == nil || len(*operation.Security) == 0
}
