package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"userorder/httpapi/httpapitest"
	"userorder/worker"
)

// receiver is where a webhook's events go. It accepts them unless it is broken.
type receiver struct {
	url               string
	broken            atomic.Bool
	accepted, refused chan delivery
}

type delivery struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	rec := &receiver{accepted: make(chan delivery, 100), refused: make(chan delivery, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if rec.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			rec.refused <- delivery{r.Header, body}
			return
		}
		rec.accepted <- delivery{r.Header, body}
	}))
	t.Cleanup(server.Close)
	rec.url = server.URL + "/hook"
	return rec
}

// next returns what arrives next.
func next(t *testing.T, deliveries <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-deliveries:
		return d
	case <-time.After(20 * time.Second):
		require.FailNow(t, "nothing arrives")
		return delivery{}
	}
}

// allowsWebhook returns what the document has against a delivery.
func (c *contract) allowsWebhook(d delivery) error {
	r := httptest.NewRequest(http.MethodPost, "/hook", bytes.NewReader(d.body))
	r.Header = d.header
	hook := c.Webhooks["orderEvent"]
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, Route: &routers.Route{Spec: c.T, PathItem: hook, Method: http.MethodPost, Operation: hook.Post},
	})
}

// signature returns the webhook-signature of a delivery by one secret, as the document describes it.
func (d delivery) signature(t *testing.T, secret string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(d.header.Get("webhook-id") + "." + d.header.Get("webhook-timestamp") + "." + string(d.body)))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// secretOf returns a secret of 32 equal characters.
func secretOf(character string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(character, 32)))
}

// hookState is an entry of GET /order/webhooks.
type hookState struct {
	URL       string
	Waiting   *int64
	Oldest    string
	LastError string `json:"last_error"`
	NextTry   string `json:"next_try"`
}

func webhooksIn(t *testing.T, w *httptest.ResponseRecorder) []hookState {
	t.Helper()
	var answer struct {
		Data struct{ Webhooks []hookState }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Data.Webhooks
}

func TestWhatAWebhookGetsIsWhatTheDocumentPromises(t *testing.T) {
	t.Parallel()
	fine, broken := newReceiver(t), newReceiver(t)
	broken.broken.Store(true)
	current, previous := secretOf("k"), secretOf("p")
	api := whole(t, "WEBHOOK_URLS", fine.url+"?key=mine, "+broken.url, "WEBHOOK_SECRET", current, "WEBHOOK_SECRET_PREVIOUS", previous)
	d := &desk{contract: everything(t, api.engine), api: api, token: tokensFor(t)}
	others := api.jobs[len(api.accounts.jobs()):] // than those that run already
	t.Cleanup(worker.Start(slog.New(slog.DiscardHandler), nil, others))

	var orders []json.RawMessage // as they are answered
	for _, request := range [][]string{{"200 创建成功", "POST /order/create", newOrder}, {"200 修改成功", "POST /order/status/1", `{"status":"paid"}`}} {
		var answer struct{ Data json.RawMessage }
		require.NoError(t, json.Unmarshal(d.say(t, request[0], clerk, request[1], request[2]).Body.Bytes(), &answer))
		orders = append(orders, answer.Data)
	}
	list := func() []hookState {
		return webhooksIn(t, d.say(t, "200 查询成功", clerk, "GET /order/webhooks", ""))
	}
	failed := next(t, broken.refused)
	require.NoError(t, d.allowsWebhook(failed))
	require.Eventually(t, func() bool {
		w := httpapitest.Call(api.engine, "GET /order/webhooks", d.token(clerk), "")
		hook := webhooksIn(t, w)[1]
		return hook.LastError != "" && *hook.Waiting == 2
	}, 20*time.Second, 20*time.Millisecond)
	hooks := list()
	require.Len(t, hooks, 2)
	require.Equal(t, []string{fine.url + "?***", broken.url}, []string{hooks[0].URL, hooks[1].URL})
	require.Equal(t, "status 500", hooks[1].LastError)
	require.NotEmpty(t, hooks[1].NextTry)
	require.Contains(t, string(orders[0]), `"created_at":"`+hooks[1].Oldest+`"`)

	broken.broken.Store(false)
	d.say(t, "200 修改成功", clerk, "POST /order/webhooks/retry", "")
	for _, rec := range []*receiver{fine, broken} {
		for i, want := range []string{"order.created", "order.paid"} {
			got := next(t, rec.accepted)
			require.NoError(t, d.allowsWebhook(got))
			require.Equal(t, got.signature(t, current)+" "+got.signature(t, previous), got.header.Get("webhook-signature"))
			var message struct {
				Type string
				Data json.RawMessage
			}
			require.NoError(t, json.Unmarshal(got.body, &message))
			require.Equal(t, want, message.Type)
			require.JSONEq(t, string(orders[i]), string(message.Data))
			if rec == broken && i == 0 {
				require.Equal(t, failed.header.Get("webhook-id"), got.header.Get("webhook-id"))
				require.Equal(t, string(failed.body), string(got.body))
			}
		}
	}
	require.Eventually(t, func() bool {
		w := httpapitest.Call(api.engine, "GET /order/webhooks", d.token(clerk), "")
		return strings.Count(w.Body.String(), `"waiting":0`) == 2
	}, 20*time.Second, 20*time.Millisecond)
	for _, hook := range list() {
		require.Empty(t, hook.Oldest+hook.LastError+hook.NextTry)
	}
}

func TestWhatAWebhookMustNotGetIsNotAllowedByTheDocument(t *testing.T) {
	t.Parallel()
	c := everything(t, whole(t).engine)
	hook := c.Webhooks["orderEvent"].Post
	example := hook.RequestBody.Value.Content["application/json"].Example
	for name, change := range map[string]func(header http.Header, message map[string]any){
		"":           func(http.Header, map[string]any) {},
		"no id":      func(header http.Header, _ map[string]any) { header.Del("webhook-id") },
		"another id": func(header http.Header, _ map[string]any) { header.Set("webhook-id", "2") },
		"no time":    func(header http.Header, _ map[string]any) { header.Del("webhook-timestamp") },
		"a time in words": func(header http.Header, _ map[string]any) {
			header.Set("webhook-timestamp", "2026-01-02T04:04:05.678Z")
		},
		"no signature":        func(header http.Header, _ map[string]any) { header.Del("webhook-signature") },
		"half a signature":    func(header http.Header, _ map[string]any) { header.Set("webhook-signature", "v1,x") },
		"a field too much":    func(_ http.Header, message map[string]any) { message["more"] = "x" },
		"no order":            func(_ http.Header, message map[string]any) { delete(message, "data") },
		"a type of no order":  func(_ http.Header, message map[string]any) { message["type"] = "user.created" },
		"a time without a ms": func(_ http.Header, message map[string]any) { message["timestamp"] = "2026-01-02T04:04:05Z" },
	} {
		header, message := http.Header{"Content-Type": {"application/json"}}, map[string]any{}
		for _, parameter := range hook.Parameters {
			text, err := json.Marshal(parameter.Value.Example)
			require.NoError(t, err)
			header.Set(parameter.Value.Name, strings.Trim(string(text), `"`))
		}
		text, err := json.Marshal(example)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &message))
		change(header, message)
		body, err := json.Marshal(message)
		require.NoError(t, err)
		err = c.allowsWebhook(delivery{header, body})
		require.Equal(t, name == "", err == nil, "%s: %v", name, err)
	}
}
