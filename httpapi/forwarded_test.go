package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestAForgottenProxyIsWarnedOfOnce(t *testing.T) {
	for _, test := range []struct {
		name, peer, header string
		trusted            []string
		warnings           int
	}{
		{"none is trusted", "192.0.2.1:1234", "203.0.113.9", nil, 1},
		{"another one is trusted", "192.0.2.1:1234", "203.0.113.9", []string{"198.51.100.0/24", "fd00::1"}, 1},
		{"its network is trusted", "192.0.2.1:1234", "203.0.113.9", []string{"192.0.2.0/24"}, 0},
		{"its address is trusted", "192.0.2.1:1234", "203.0.113.9", []string{"192.0.2.1"}, 0},
		{"it is trusted and speaks IPv6", "[fd00::1]:1234", "203.0.113.9", []string{"fd00::/8"}, 0},
		{"it is trusted, in the clothes of IPv6", "[::ffff:192.0.2.1]:1234", "203.0.113.9", []string{"192.0.2.1"}, 0},
		{"no header", "192.0.2.1:1234", "", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{
				Log: slog.New(slog.NewTextHandler(&log, nil)), TrustedProxies: test.trusted,
			})
			for range 3 {
				r := httptest.NewRequest("GET", "/nothing", nil)
				r.RemoteAddr = test.peer
				if test.header != "" {
					r.Header.Set("X-Forwarded-For", test.header)
				}
				serve(t, engine, r)
			}
			require.Equal(t, test.warnings, strings.Count(log.String(), "level=WARN"), log.String())
			if test.warnings > 0 {
				require.Contains(t, log.String(), "TRUSTED_PROXIES\" peer=192.0.2.1\n")
			}
		})
	}
}
