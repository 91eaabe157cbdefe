package work

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func bearers() Bearers {
	all := make(Bearers, Many)
	for i := range all {
		all[i] = "token" + strconv.Itoa(Users+1+i)
	}
	return all
}

func TestSignSignsTheTokensOfUsersWithoutAnAccount(t *testing.T) {
	const secret = "a secret"
	all, err := Sign(secret)
	require.NoError(t, err)
	require.Len(t, all, Many)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	for _, number := range []int{0, 1, Many - 1} {
		user, token := all.at(number)
		require.Equal(t, strconv.Itoa(Users+1+number), user)
		claims := jwt.MapClaims{}
		_, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(secret), nil })
		require.NoError(t, err)
		require.Equal(t, user, claims["sub"])
		require.NotEmpty(t, claims["jti"])
		require.NotContains(t, claims, "sid")
		require.NotContains(t, claims, "iss", "the database of the accounts has another one")
		require.Less(t, time.Duration(claims["exp"].(float64)-claims["iat"].(float64))*time.Second, 24*time.Hour)
	}
}

// TestEveryOwnerHasEnoughOrdersForAList counts what package seed inserts.
func TestEveryOwnerHasEnoughOrdersForAList(t *testing.T) {
	for _, orders := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
		owned := make([]int, Owners(orders))
		for id := 1; id <= orders; id++ {
			if id%Third != 0 {
				owned[id%len(owned)]++
			}
		}
		for number, count := range owned {
			require.Greater(t, count, page, "user %d of %d orders", number, orders)
		}
	}
	require.Equal(t, Many, Owners(10_000_000))
}

func created(id string) *fasthttp.Response {
	answer := &fasthttp.Response{}
	answer.SetBodyString(`{"code":0,"msg":"","data":{"id":"` + id + `"}}`)
	return answer
}

func TestRandomUsersCreateOrdersOfTheirOwn(t *testing.T) {
	script := CreateByMany(bearers(), false)(0)
	users := map[string]bool{}
	for range 1000 {
		r := &fasthttp.Request{}
		require.True(t, script.Next(r))
		require.Equal(t, "POST /order/create", string(r.Header.Method())+" "+string(r.RequestURI()))
		user := strings.TrimPrefix(string(r.Header.Peek("Authorization")), "Bearer token")
		number, err := strconv.Atoi(user)
		require.NoError(t, err)
		require.True(t, Users < number && number <= Users+Many)
		require.JSONEq(t, `{"userid":"`+user+`","product":"product1","price":100}`, string(r.Body()))
		require.Empty(t, r.Header.Peek("Idempotency-Key"))
		users[user] = true
	}
	require.Greater(t, len(users), 950, "users are not random")
	require.NoError(t, script.Check(created("7")))
	require.ErrorContains(t, script.Check(created("")), "no id")
	answer := created("7")
	answer.Header.Set("Idempotent-Replayed", "true")
	require.ErrorContains(t, script.Check(answer), "replay")
	answer.SetStatusCode(http.StatusUnprocessableEntity)
	require.ErrorContains(t, script.Check(answer), "response 422")
}

func TestNoIdempotencyKeyIsSentTwice(t *testing.T) {
	keys := map[string]bool{}
	for range 3 { // rounds
		script := CreateByMany(bearers(), true)(0)
		for range 1000 {
			r := &fasthttp.Request{}
			require.True(t, script.Next(r))
			keys[string(r.Header.Peek("Idempotency-Key"))] = true
		}
	}
	require.Len(t, keys, 3000)
	for key := range keys {
		require.Regexp(t, `^[0-9a-f]{1,32}$`, key)
	}
}

func TestAListIsOfItsOwner(t *testing.T) {
	script := List(bearers(), 1000, false)(0)
	for range 1000 {
		r := &fasthttp.Request{}
		require.True(t, script.Next(r))
		require.Equal(t, "GET /order/list", string(r.Header.Method())+" "+string(r.RequestURI()))
		user := strings.TrimPrefix(string(r.Header.Peek("Authorization")), "Bearer token")
		number, err := strconv.Atoi(user)
		require.NoError(t, err)
		require.True(t, Users < number && number <= Users+Owners(1000), "user %d has no orders", number)

		require.NoError(t, script.Check(listed(user, page)))
		require.ErrorContains(t, script.Check(listed(user, page-1)), "response has 19 orders")
		require.ErrorContains(t, script.Check(listed(user+"0", page)), "response has 0 orders")
	}
	anybodys := List(bearers(), 1000, true)(0)
	require.True(t, anybodys.Next(&fasthttp.Request{}))
	require.NoError(t, anybodys.Check(listed("1", page)))
	refused := listed("1", page)
	refused.SetStatusCode(http.StatusForbidden)
	require.ErrorContains(t, anybodys.Check(refused), "response 403")
}

func listed(user string, count int) *fasthttp.Response {
	order := `{"id":"7","userid":"` + user + `"}`
	answer := &fasthttp.Response{}
	answer.SetBodyString(`{"code":0,"msg":"","data":{"orders":[` + strings.Repeat(order+",", count-1) + order + `],"next":"7"}}`)
	return answer
}
