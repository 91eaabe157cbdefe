package work

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

func tokens() Tokens {
	all := make(Tokens, Users)
	for i := range all {
		all[i] = "token" + strconv.Itoa(i+1)
	}
	return all
}

func TestIDOf(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":0,"msg":"","data":{"id":"12","userid":"3"}}`:                       "12",
		`{"code":0,"data":{"created_at":"x","id":"12","userid":"3"},"msg":"x"}`:     "12",
		`{"code":0,"data":{"userid":"3"}}`:                                          "",
		`{"code":0,"data":{"userid":"3","product":"p","id":"9223372036854775807"}}`: "9223372036854775807",
	} {
		require.Equal(t, want, string(idOf([]byte(body))), body)
	}
}

func TestOwnersAreUsers(t *testing.T) {
	for order := 1; order <= 3*Users; order++ {
		require.GreaterOrEqual(t, Owner(order), 1)
		require.LessOrEqual(t, Owner(order), Users)
	}
}

func TestAQuerySendsTheTokenOfTheOwner(t *testing.T) {
	script := Query(tokens(), 1000, false)(0)
	for range 1000 {
		r := fasthttp.AcquireRequest()
		require.True(t, script.Next(r))
		id := strings.TrimPrefix(string(r.RequestURI()), "/order/query/")
		order, err := strconv.Atoi(id)
		require.NoError(t, err)
		require.True(t, 1 <= order && order <= 1000)
		require.Zero(t, order%Third)
		require.Equal(t, "Bearer token"+strconv.Itoa(Owner(order)), string(r.Header.Peek("Authorization")))

		answer := &fasthttp.Response{}
		answer.SetBodyString(`{"code":0,"msg":"","data":{"id":"` + id + `"}}`)
		require.NoError(t, script.Check(answer))
		answer.SetBodyString(`{"code":0,"msg":"","data":{"id":"` + id + `0"}}`)
		require.ErrorContains(t, script.Check(answer), "another order")
		answer.SetBodyString(`{"code":1,"msg":"","data":{}}`)
		require.ErrorContains(t, script.Check(answer), `response 200 {"code":1`)
		answer.SetBodyString(`{"code":0,"msg":"","data":{"id":"` + id + `"}}`)
		answer.SetStatusCode(500)
		require.Error(t, script.Check(answer))
	}
}

func TestMixHasItsProportions(t *testing.T) {
	var asked [3]atomic.Int64
	var lastID atomic.Int64
	routes := http.NewServeMux()
	routes.HandleFunc("GET /order/query/{id}", func(w http.ResponseWriter, r *http.Request) {
		asked[0].Add(1)
		_, _ = w.Write([]byte(`{"code":0,"data":{"id":"` + r.PathValue("id") + `"}}`))
	})
	routes.HandleFunc("POST /order/create", func(w http.ResponseWriter, _ *http.Request) {
		asked[1].Add(1)
		_, _ = w.Write([]byte(`{"code":0,"data":{"id":"` + strconv.FormatInt(1000+lastID.Add(1), 10) + `"}}`))
	})
	routes.HandleFunc("DELETE /order/cancel/{id}", func(w http.ResponseWriter, r *http.Request) {
		asked[2].Add(1)
		if id, err := strconv.Atoi(r.PathValue("id")); err != nil || id <= 1000 {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(`{"code":0,"data":{}}`))
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	_, err := load.Load{
		Address: server.Listener.Addr().String(), Scripts: []load.Script{Mix(tokens(), 1000, false)(0)}, For: 300 * time.Millisecond,
	}.Run(t.Context())
	require.NoError(t, err)
	total := float64(asked[0].Load() + asked[1].Load() + asked[2].Load())
	require.InDelta(t, 0.80, float64(asked[0].Load())/total, 0.08)
	require.InDelta(t, 0.15, float64(asked[1].Load())/total, 0.08)
	require.Positive(t, asked[2].Load())
}

func TestCancelEndsWhenNoOrderIsLeft(t *testing.T) {
	made := &Made{}
	made.add(madeOrder{id: "7", user: 3})
	script := Cancel(tokens(), made)(0)
	r := &fasthttp.Request{}
	require.True(t, script.Next(r))
	require.Equal(t, "/order/cancel/7", string(r.RequestURI()))
	require.Equal(t, "Bearer token3", string(r.Header.Peek("Authorization")))
	require.False(t, script.Next(r))
	made.add(madeOrder{id: "8", user: 3})
	made.Forget()
	require.False(t, script.Next(r))
}

func TestARefreshSendsTheTokenOfTheLastResponse(t *testing.T) {
	begun := []string{"first of 0", "first of 1"}
	script := Refresh(&begun)(1)
	answer := &fasthttp.Response{}
	for _, step := range []struct{ sent, next string }{{"first of 1", "second"}, {"second", "third"}} {
		r := fasthttp.AcquireRequest()
		require.True(t, script.Next(r))
		require.JSONEq(t, `{"refresh_token":"`+step.sent+`"}`, string(r.Body()))
		answer.SetBodyString(`{"code":0,"msg":"","data":{"token":"x","refresh_token":"` + step.next + `"}}`)
		require.NoError(t, script.Check(answer))
	}
	answer.SetBodyString(`{"code":0,"msg":"","data":{"token":"x"}}`)
	require.ErrorContains(t, script.Check(answer), "no refresh token")
	answer.SetBodyString(`{"code":401,"msg":"","data":{}}`)
	require.Error(t, script.Check(answer))
}
