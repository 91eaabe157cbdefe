package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi/httpapitest"
)

func TestTheDocumentListsEveryChallengeAndNoOther(t *testing.T) {
	t.Parallel()
	api := whole(t)
	c := everything(t, api.engine)
	token := func(secret string, ttl, ahead time.Duration) string {
		tokens, err := auth.NewTokens(auth.Config{
			Secret: []byte(strings.Repeat(secret, 32)), TTL: ttl, Now: func() time.Time { return time.Now().Add(ahead) },
		})
		require.NoError(t, err)
		token, err := tokens.Issue(auth.Caller{UserID: 1})
		require.NoError(t, err)
		return "Bearer " + token
	}
	over := member(t, api.engine, testUser)
	require.Equal(t, 200, httpapitest.Call(api.engine, "POST /user/logout", over, "").Code)
	var told []any
	for _, authorization := range [][]string{
		nil,
		{token("s", time.Hour, -time.Hour)},
		{token("s", time.Hour, 2*time.Minute)},
		{"Bearer x"},
		{token("x", time.Hour, 0)},
		{token("s", 48*time.Hour, 0)},
		{"Bearer " + over},
		{"Bearer x", "Bearer x"},
	} {
		r := httpapitest.Request("GET /user/info", "", "")
		r.Header["Authorization"] = authorization
		w := c.send(t, api.engine, r)
		require.Equal(t, 401, w.Code)
		told = append(told, w.Header().Get("WWW-Authenticate"))
	}
	require.Equal(t, c.Components.Headers["Challenge"].Value.Schema.Value.Enum, told)
}
