package telemetry

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
)

func TestTheServerOfASpanIsTheHostThatTheClientAskedFor(t *testing.T) {
	for _, test := range []struct {
		host          string
		encrypted     bool
		scheme, named string
		port          int64 // 0 if it is not said
	}{
		{"shop.example", false, "http", "shop.example", 0},
		{"shop.example:80", false, "http", "shop.example", 0},
		{"shop.example:443", true, "https", "shop.example", 0},
		{"shop.example:443", false, "http", "shop.example", 443},
		{"[2001:db8::1]:5000", false, "http", "2001:db8::1", 5000},
		{"[2001:db8::1]", true, "https", "2001:db8::1", 0},
		{"shop.example:99999", false, "http", "shop.example", 0},
		{"", false, "http", "", 0},
	} {
		t.Run(test.scheme+" "+test.host, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host, r.RemoteAddr = test.host, "@" // a Unix socket's
			if test.encrypted {
				r.TLS = &tls.ConnectionState{}
			}
			name, attributes := describe(r)
			set := attribute.NewSet(attributes...)
			value := func(key attribute.Key) attribute.Value {
				v, _ := set.Value(key)
				return v
			}
			require.Equal(t, "GET", name)
			require.Equal(t, test.scheme, value("url.scheme").AsString())
			require.Equal(t, test.named, value("server.address").AsString())
			require.Equal(t, test.port, value("server.port").AsInt64())
			require.False(t, set.HasValue("network.peer.address"))
		})
	}
}
