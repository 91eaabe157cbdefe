package work

import (
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func answered(body string) *fasthttp.Response {
	answer := &fasthttp.Response{}
	answer.SetBodyString(body)
	return answer
}

func TestMoveTakesAnOrderFromCreatedToCompletedAndBeginsAgain(t *testing.T) {
	script := Move("staff")(0)
	for range 2 {
		for _, step := range []string{"created", "paid", "shipped", "completed"} {
			request := &fasthttp.Request{}
			require.True(t, script.Next(request))
			want := "/order/create"
			if step != "created" {
				want = "/order/status/9"
				require.JSONEq(t, `{"status":"`+step+`"}`, string(request.Body()))
			}
			require.Equal(t, want, string(request.Header.RequestURI()))
			require.Equal(t, "Bearer staff", string(request.Header.Peek("Authorization")))
			if step != "created" {
				require.Error(t, script.Check(answered(`{"code":0,"data":{"id":"9","status":"created"}}`)), "another status")
			}
			require.NoError(t, script.Check(answered(`{"code":0,"data":{"id":"9","status":"`+step+`"}}`)))
		}
	}
}

func TestHistoriesAndFeedsMustHaveTheirEvents(t *testing.T) {
	const event = `{"type":"order.created"}`
	one, twenty := answered(`{"code":0,"data":{"events":[`+event+`]}}`), answered(`{"code":0,"data":{"events":[`+strings.Repeat(event, 20)+`]}}`)
	history, feed := History("staff", 1000)(0), Feed("staff", 1000)(0)
	require.NoError(t, history.Check(one))
	require.Error(t, history.Check(twenty))
	require.NoError(t, feed.Check(twenty))
	require.Error(t, feed.Check(one))
	request := &fasthttp.Request{}
	require.True(t, history.Next(request))
	require.Regexp(t, `^/order/history/\d+$`, string(request.Header.RequestURI()))
	require.True(t, feed.Next(request))
	require.Regexp(t, `^/order/events\?after=\d+$`, string(request.Header.RequestURI()))
}

func TestSignStaffSignsATokenWithTheRole(t *testing.T) {
	token, err := SignStaff("a secret")
	require.NoError(t, err)
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte("a secret"), nil })
	require.NoError(t, err)
	require.Equal(t, "staff", claims["role"])
}
