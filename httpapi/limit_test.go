package httpapi

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"userorder/httpapi/httpapitest"

	"github.com/stretchr/testify/require"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Limit{
		"300/10s":             {300, 10 * time.Second, 300},
		"20/1m:10":            {20, time.Minute, 10},
		"1/1ms":               {1, time.Millisecond, 1},
		"1/24h:1":             {1, 24 * time.Hour, 1},
		"1000000000/1h":       {1e9, time.Hour, 1e9},
		"5/1h30m:1000000000":  {5, 90 * time.Minute, 1e9},
		"10/1s:20":            {10, time.Second, 20},
		"0010/1000ms:0000020": {10, time.Second, 20},
	} {
		limit, err := ParseLimit(text)
		require.NoError(t, err, text)
		require.Equal(t, want, limit, text)
	}
	for _, text := range []string{
		"", "300", "300/", "/10s", "300/10", "300/10s:", "300/10s:x", "300/10s:10:10", ":10", "0/1m", "-1/1m", "1/1m:0", "1/1m:-1",
		"1000000001/1h", "1/1h:1000000001", "1/999us", "1/24h1ns", "1/-1h", "1.5/1s", "1/1s/1s", "300 / 10s", "off",
		"99999999999999999999/1s", "1/99999999999h",
	} {
		limit, err := ParseLimit(text)
		require.EqualError(t, err, "must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10", text)
		require.Zero(t, limit)
	}
}

// limitedEngine allows a client two requests at once, and then one in three seconds.
func limitedEngine(t *testing.T) func(client, path string) *httptest.ResponseRecorder {
	engine, err := NewEngine(Config{
		Log: slog.New(slog.DiscardHandler), Limit: Limit{Count: 1, Per: 3 * time.Second, Burst: 2},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
	})
	require.NoError(t, err)
	return func(client, path string) *httptest.ResponseRecorder {
		r := httpapitest.Request("GET "+path, "", "")
		r.Header.Set("X-Forwarded-For", client)
		return httpapitest.Serve(engine, r)
	}
}

func TestAClientAddressThatComesTooOftenIsAnswered429(t *testing.T) {
	get := limitedEngine(t)
	for range 2 {
		require.Equal(t, 404, get("203.0.113.9", "/nothing").Code)
	}
	w := get("203.0.113.9", "/nothing")
	require.Equal(t, 429, w.Code)
	require.Equal(t, "3", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"code":429,"msg":"请求过于频繁，请稍后重试","data":{}}`, w.Body.String())
	require.Equal(t, 404, get("203.0.113.10", "/nothing").Code, "another address pays for it")
	require.Equal(t, 200, get("203.0.113.9", "/healthz").Code, "a probe was refused")
}

func TestWhichAddressesCountTogether(t *testing.T) {
	for _, test := range []struct {
		name, one, other string
		together         bool
	}{
		{"one address of IPv4", "203.0.113.9", "203.0.113.9", true},
		{"neighbours of IPv4", "203.0.113.9", "203.0.113.8", false},
		{"an IPv4-mapped address", "203.0.113.9", "::ffff:203.0.113.9", true},
		{"two addresses of one /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"two /64s", "2001:db8::1", "2001:db8:0:1::1", false},
		{"two zones of one network", "fe80::1%eth0", "fe80::1%eth1", true},
		{"texts that are not addresses", "", "@", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			one, _ := parseElement(test.one)
			other, _ := parseElement(test.other)
			require.Equal(t, test.together, networkOf(one) == networkOf(other))
		})
	}
}
