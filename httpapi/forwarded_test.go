package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
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
		{"its address is trusted, and it is IPv4-mapped", "[::ffff:192.0.2.1]:1234", "203.0.113.9", []string{"192.0.2.1"}, 0},
		{"no header", "192.0.2.1:1234", "", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			engine := newEngine(t, httpapi.Config{
				Log: slog.New(slog.NewTextHandler(&log, nil)), TrustedProxies: networks(t, test.trusted...),
			})
			for range 3 {
				r := httpapitest.Request("GET /nothing", "", "")
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

func TestXForwardedForCountsFromTrustedProxiesOnly(t *testing.T) {
	for _, test := range []struct {
		name      string
		proxies   []string
		forwarded []string
		want      string
	}{
		{"none is trusted", nil, []string{"203.0.113.9"}, "192.0.2.1"},
		{"the peer is trusted", []string{"192.0.2.0/24"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"the peer is trusted, written as IPv6", []string{"::ffff:192.0.2.0/120"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"the peer's address is trusted, written as IPv6", []string{"::ffff:192.0.2.1"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"another one is trusted", []string{"198.51.100.0/24"}, []string{"203.0.113.9"}, "192.0.2.1"},
		{"the client wrote the first", []string{"192.0.2.0/24"}, []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"the client wrote a line of its own", []string{"192.0.2.0/24"}, []string{"127.0.0.1", "203.0.113.9"}, "203.0.113.9"},
		{"what it says is no address", []string{"192.0.2.0/24"}, []string{"203.0.113.9, <script>"}, "192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			engine := newEngine(t, httpapi.Config{TrustedProxies: networks(t, test.proxies...)})
			var client string
			engine.GET("/ip", httpapi.Handle(func(c *gin.Context) error {
				client = httpapi.ClientNetwork(c).Addr().String()
				return httpapi.OK(c, httpapi.Text{ZH: "好", EN: "good"}, httpapi.Empty{})
			}))
			r := httpapitest.Request("GET /ip", "", "") // from 192.0.2.1
			r.Header["X-Forwarded-For"] = test.forwarded
			serve(t, engine, r)
			require.Equal(t, test.want, client)
		})
	}
}
