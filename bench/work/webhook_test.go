package work

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// webhooks serves the route of webhooks, with the text of all that respond returns, and returns its address.
func webhooks(t *testing.T, respond func() string) (address string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/order/webhooks" || r.Header.Get("Authorization") != "Bearer staff" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"code":0,"msg":"查询成功","data":{"webhooks":[` + respond() + `]}}`))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestWaitingAsksUntilEnoughEventsWait(t *testing.T) {
	var asked atomic.Int64
	address := webhooks(t, func() string {
		return `{"url":"http://127.0.0.1:1/hook","waiting":` + strconv.FormatInt(asked.Add(1), 10) + `}`
	})
	require.NoError(t, Waiting(t.Context(), address, "staff", 3))
	require.EqualValues(t, 3, asked.Load())
}

func TestWaitingNeedsStaffAndExactlyOneWebhook(t *testing.T) {
	const one = `{"url":"http://127.0.0.1:1/hook","waiting":9}`
	for text, complaint := range map[string]string{"": "0 webhooks", one + "," + one: "2 webhooks"} {
		require.ErrorContains(t, Waiting(t.Context(), webhooks(t, func() string { return text }), "staff", 1), complaint)
	}
	address := webhooks(t, func() string { return one })
	require.NoError(t, Waiting(t.Context(), address, "staff", 9))
	require.ErrorContains(t, Waiting(t.Context(), address, "customer", 9), "403")
}
