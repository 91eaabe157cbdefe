package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

const (
	postmanCollection  = "postman/userorder.postman_collection.json"
	postmanEnvironment = "postman/userorder.postman_environment.json"
)

// postmanItem is a folder or a request of a collection
// (https://schema.getpostman.com/json/collection/v2.1.0/collection.json), as far as the tests look at it.
type postmanItem struct {
	Name    string
	Item    []postmanItem
	Event   []postmanEvent
	Request postmanRequest

	Response []struct { // the examples
		OriginalRequest postmanRequest
		Code            int
		Body            string
	}
}

type postmanEvent struct {
	Listen string
	Script struct{ Exec []string }
}

type postmanRequest struct {
	Method string
	Auth   postmanAuth
	Header []struct{ Key, Value string }
	Body   struct{ Raw string }
	URL    struct {
		Raw  string
		Path []string
	}
}

type postmanAuth struct {
	Type   string
	Bearer []struct{ Key, Value string }
}

// script is the script that runs at an event, such as test.
func (i postmanItem) script(listen string) (text string) {
	for _, event := range i.Event {
		if event.Listen == listen {
			text += strings.Join(event.Script.Exec, "\n")
		}
	}
	return text
}

// readJSON reads a file into dst and returns its text.
func readJSON(t *testing.T, path string, dst any) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, dst))
	return string(text)
}

// postmanRequests returns the requests of the collection, without their folders.
func postmanRequests(t *testing.T) (requests []postmanItem) {
	var collection postmanItem
	readJSON(t, postmanCollection, &collection)
	var walk func(items []postmanItem)
	walk = func(items []postmanItem) {
		for _, item := range items {
			if item.Request.Method != "" {
				requests = append(requests, item)
			}
			walk(item.Item)
		}
	}
	walk(collection.Item)
	require.Greater(t, len(requests), 30)
	return requests
}

// routes returns every route that answers in the envelope, like "GET /order/query/:orderid", but for the HEAD of
// modules' routes. The others are documents, which are for browsers and generators.
func routes(t *testing.T) (lines []string) {
	api := serviceOn(t, databasetest.SQLite(t))
	for _, route := range api.engine.Routes() {
		isHead := route.Method == http.MethodHead && slices.Contains(moduleNames(), strings.Split(route.Path, "/")[1])
		if !isHead && !strings.HasPrefix(route.Path, "/openapi.") && !strings.HasPrefix(route.Path, "/docs") && !strings.HasPrefix(route.Path, "/console") {
			lines = append(lines, route.Method+" "+route.Path)
		}
	}
	for _, name := range moduleNames() {
		require.True(t, slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, " /"+name+"/") }),
			"%s has no route", name)
	}
	return lines
}

func TestThePostmanCollectionHasEveryRoute(t *testing.T) {
	t.Parallel()
	sent := map[string]bool{}
	for _, item := range postmanRequests(t) {
		path := "/" + strings.Join(item.Request.URL.Path, "/")
		raw, _, _ := strings.Cut(item.Request.URL.Raw, "?")
		require.Equal(t, "{{baseUrl}}"+path, raw, item.Name)
		sent[item.Request.Method+" "+path] = true
	}
	for _, route := range routes(t) {
		require.True(t, sent[route], "%s is not in %s", route, postmanCollection)
	}
}

func TestEveryRequestOfThePostmanCollectionHasATestAndAnExampleThatAgree(t *testing.T) {
	t.Parallel()
	for _, item := range postmanRequests(t) {
		require.NotEmpty(t, item.Response, "%s has no example", item.Name)
		example := item.Response[0] // those behind it are of other requests
		status, _ := json.Marshal(example.Code)
		require.Contains(t, item.script("test"), "to.have.status("+string(status)+")", item.Name)
		require.Equal(t, item.Request, example.OriginalRequest, item.Name)
		if item.Request.Method == "HEAD" {
			require.Empty(t, example.Body, item.Name)
			continue
		}
		var answer struct {
			Code int
			Msg  string
			Data map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(example.Body), &answer), item.Name)
		require.NotNil(t, answer.Data, item.Name)
		require.Contains(t, item.script("test"), "'"+answer.Msg+"'", item.Name)
		if example.Code != 200 {
			require.Equal(t, example.Code, answer.Code, item.Name)
		}
	}
}

func TestThePostmanFilesHoldNoSecret(t *testing.T) {
	t.Parallel()
	var (
		signed   = regexp.MustCompile(`eyJ[\w-]+\.`)                  // the beginning of a token
		long     = regexp.MustCompile(`[\w+/-]{32,}`)                 // as random as a secret has to be
		given    = regexp.MustCompile(`(?i)(token|secret|password)=`) // in a URL
		assigned = regexp.MustCompile("(?i)(token|secret|password)['\"]?\\s*[:=]\\s*['\"`]")
		stored   = regexp.MustCompile("(?i)set\\(['\"]\\w*(token|secret|password)['\"],\\s*['\"`]")
		variable = regexp.MustCompile(`^\{\{\$?\w+\}\}x?$`) // the x spoils a token
		field    = regexp.MustCompile(`"\w*(?:password|token)": "([^"]*)"`)
	)
	var collection struct {
		Auth  postmanAuth
		Event []postmanEvent
	}
	require.NotRegexp(t, signed, readJSON(t, postmanCollection, &collection))
	items := append(postmanRequests(t), postmanItem{
		Name: "the collection", Event: collection.Event, Request: postmanRequest{Auth: collection.Auth},
	})
	for _, item := range items {
		for _, text := range []string{item.Request.URL.Raw, item.script("prerequest"), item.script("test")} {
			for _, secret := range []*regexp.Regexp{long, given, assigned, stored} {
				require.NotRegexp(t, secret, text, item.Name)
			}
		}
		for _, bearer := range item.Request.Auth.Bearer {
			require.Regexp(t, variable, bearer.Value, item.Name)
		}
		for _, header := range item.Request.Header {
			require.NotEqual(t, "authorization", strings.ToLower(header.Key), "%s: this is for its auth", item.Name)
		}
		for _, found := range field.FindAllStringSubmatch(item.Request.Body.Raw, -1) {
			if len(found[1]) >= 6 { // a shorter password no account can have
				require.Regexp(t, variable, found[1], item.Name)
			}
		}
	}

	var environment struct {
		Values []struct{ Key, Value, Type string }
	}
	readJSON(t, postmanEnvironment, &environment)
	require.NotEmpty(t, environment.Values)
	for _, value := range environment.Values {
		if value.Key != "baseUrl" {
			require.Equal(t, "secret", value.Type, value.Key)
			require.Empty(t, value.Value, value.Key)
		}
	}
}

func TestTheRequestsForEditorsHaveEveryRoute(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("requests.http")
	require.NoError(t, err)
	require.NotContains(t, string(text), "eyJ", "it holds a token")
	for _, route := range routes(t) {
		method, path, _ := strings.Cut(route, " ")
		line := method + " {{baseUrl}}" + parameter.ReplaceAllString(path, "{{$1}}")
		require.Regexp(t, `(?m)^`+regexp.QuoteMeta(line)+`(\?.*)?$`, string(text))
	}
}

func TestThePostmanCollectionWorksWithoutItsEnvironment(t *testing.T) {
	t.Parallel()
	var collection struct {
		Variable []struct{ Key, Value string }
	}
	readJSON(t, postmanCollection, &collection)
	require.Contains(t, collection.Variable, struct{ Key, Value string }{"baseUrl", "http://localhost:5000"})
}

func TestNoExampleOfACreateNamesSomebodysAccount(t *testing.T) {
	t.Parallel()
	first := ""
	for _, item := range postmanRequests(t) {
		if first == "" && strings.HasSuffix(item.Request.URL.Raw, "/order/create") {
			first = item.Request.Body.Raw
		}
	}
	require.Contains(t, first, "price")
	require.NotContains(t, first, "userid")
	for _, file := range []string{"README.md", "README.zh-CN.md", "requests.http", "openapi/openapi.yaml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotRegexp(t, `\{"?userid"?: ?['"]?[\w{}]+['"]?, ?"?product`, string(text), file)
	}
}

func TestTheRequestsMayBeSentTwiceInARow(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"JWT_SECRET": strings.Repeat("s", 32)}))
	require.NoError(t, err)
	collection := ""
	for _, item := range postmanRequests(t) {
		collection += item.Request.Method + " " + item.Request.URL.Raw + "\n"
	}
	text, err := os.ReadFile("requests.http")
	require.NoError(t, err)
	for name, lines := range map[string]string{postmanCollection: collection, "requests.http": string(text)} {
		registrations := strings.Count(lines, "POST {{baseUrl}}/user/register\n")
		logins := strings.Count(lines, "POST {{baseUrl}}/user/login\n") + strings.Count(lines, "POST {{baseUrl}}/user/password/forgot\n")
		require.NotZero(t, registrations*logins, name)
		require.LessOrEqual(t, 2*registrations, cfg.Limits.Registrations.Burst, "%s registers too often", name)
		require.LessOrEqual(t, 2*logins, cfg.Limits.Logins.Burst, "%s logs in or asks for a mail too often", name)
	}
}
