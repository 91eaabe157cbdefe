package work

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"userorder/bench/load"
)

// asked returns the next request of a script.
func asked(t *testing.T, script load.Script) *fasthttp.Request {
	r := fasthttp.AcquireRequest()
	require.True(t, script.Next(r))
	return r
}

func responds(status int, body string) *fasthttp.Response {
	r := &fasthttp.Response{}
	r.SetStatusCode(status)
	r.SetBodyString(body)
	return r
}

func pocketBase() *PocketBase {
	p := &PocketBase{Orders: 1000, Tokens: make(Tokens, Users+Owners(1000))}
	for i := range p.Tokens {
		p.Tokens[i] = "token" + pocketID(i+1)
	}
	return p
}

func TestPocketBaseIsAskedForAnOrderByItsOwner(t *testing.T) {
	script := pocketBase().Query(0)
	for range 1000 {
		r := asked(t, script)
		id := strings.TrimPrefix(string(r.RequestURI()), "/api/collections/orders/records/")
		order := 0
		for _, digit := range id {
			order = 10*order + int(digit-'0')
		}
		require.Len(t, id, 15)
		require.True(t, 1 <= order && order <= 1000 && order%Third == 0, id)
		require.Equal(t, "Bearer token"+pocketID(Owner(order)), string(r.Header.Peek("Authorization")))
		require.NoError(t, script.Check(responds(200, `{"id":"`+id+`","user":"x"}`)))
		require.Error(t, script.Check(responds(200, `{"id":"`+pocketID(order+1)+`"}`)))
		require.ErrorContains(t, script.Check(responds(404, `{"id":"`+id+`"}`)), "response 404")
	}
}

func TestPocketBaseCreatesAnOrderOfTheCaller(t *testing.T) {
	script := pocketBase().Create(6)
	for _, user := range []int{7, 8} {
		r := asked(t, script)
		require.Equal(t, "Bearer token"+pocketID(user), string(r.Header.Peek("Authorization")))
		var order struct {
			User, Product, Status string
			Price                 float64
		}
		require.NoError(t, json.Unmarshal(r.Body(), &order))
		require.Equal(t, pocketID(user), order.User)
		require.NoError(t, script.Check(responds(200, `{"id":"abc","user":"`+pocketID(user)+`"}`)))
		require.ErrorContains(t, script.Check(responds(200, `{"user":"`+pocketID(user)+`"}`)), "no id")
		require.Error(t, script.Check(responds(200, `{"id":"abc","user":"`+pocketID(user+1)+`"}`)))
		require.Error(t, script.Check(responds(400, `{"id":"abc","user":"`+pocketID(user)+`"}`)))
	}
}

func TestPocketBaseListsTwentyOrdersOfOneUser(t *testing.T) {
	script := pocketBase().List(0)
	for range 100 {
		r := asked(t, script)
		require.Equal(t, "/api/collections/orders/records?perPage=20&sort=-created&skipTotal=1", string(r.RequestURI()))
		user := strings.TrimPrefix(string(r.Header.Peek("Authorization")), "Bearer token")
		require.Greater(t, user, pocketID(Users))
		require.LessOrEqual(t, user, pocketID(Users+Owners(1000)))
		order := `{"user":"` + user + `"}`
		require.NoError(t, script.Check(responds(200, `{"items":[`+strings.Repeat(order+",", 19)+order+`]}`)))
		require.ErrorContains(t, script.Check(responds(200, `{"items":[`+order+`]}`)), "1 times instead of 20")
	}
}

func TestPocketBaseLogsInEachUser(t *testing.T) {
	script := pocketBase().Login(1)
	r := asked(t, script)
	require.JSONEq(t, `{"identity":"user2@example.com","password":"a password"}`, string(r.Body()))
	in := `{"record":{"id":"` + pocketID(2) + `"},"token":"x"}`
	require.NoError(t, script.Check(responds(200, in)))
	require.Error(t, script.Check(responds(400, in)))
	require.Error(t, script.Check(responds(200, `{"mfaId":"x"}`)))
	require.Error(t, script.Check(responds(200, `{"record":{"id":"`+pocketID(3)+`"},"token":"x"}`)))
}
