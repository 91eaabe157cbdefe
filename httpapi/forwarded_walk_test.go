package httpapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheAddressOfAClientIsWhatTrustedProxiesSay(t *testing.T) {
	var trusted []netip.Prefix
	for _, text := range []string{"10.0.0.0/8", "192.0.2.1", "fd00::/8"} {
		network, err := ParseNetwork(text)
		require.NoError(t, err)
		trusted = append(trusted, network)
	}
	for _, test := range []struct {
		name, peer string
		lines      []string
		client     string
		unreadable string
	}{
		{"no proxy", "198.51.100.1:1234", nil, "198.51.100.1", ""},
		{"a peer that is not trusted", "198.51.100.1:1234", []string{"203.0.113.7"}, "198.51.100.1", ""},
		{"a trusted peer that says nothing", "10.0.0.1:1234", nil, "10.0.0.1", ""},
		{"one proxy", "10.0.0.1:1234", []string{"203.0.113.7"}, "203.0.113.7", ""},
		{"with a port, as Azure writes it", "10.0.0.1:1234", []string{"203.0.113.7:51234"}, "203.0.113.7", ""},
		{"IPv6", "10.0.0.1:1234", []string{"2001:db8::7"}, "2001:db8::7", ""},
		{"IPv6 in brackets", "10.0.0.1:1234", []string{"[2001:db8::7]"}, "2001:db8::7", ""},
		{"IPv6 with a port", "10.0.0.1:1234", []string{"[2001:db8::7]:51234"}, "2001:db8::7", ""},
		{"in quotes", "10.0.0.1:1234", []string{`"[2001:db8::7]:51234"`}, "2001:db8::7", ""},
		{"with a zone", "10.0.0.1:1234", []string{"fe80::1%eth0"}, "fe80::1", ""},
		{"IPv4 in the form of IPv6", "10.0.0.1:1234", []string{"::ffff:203.0.113.7"}, "203.0.113.7", ""},
		{"blanks and tabs", "10.0.0.1:1234", []string{" \t203.0.113.7 \t"}, "203.0.113.7", ""},
		{"two proxies", "10.0.0.1:1234", []string{"203.0.113.7, 10.0.0.2:80"}, "203.0.113.7", ""},
		{"what the client says itself", "10.0.0.1:1234", []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7", ""},
		{"on several lines", "10.0.0.1:1234", []string{"1.1.1.1", "203.0.113.7,10.0.0.3", "10.0.0.2"}, "203.0.113.7", ""},
		{"empty elements", "10.0.0.1:1234", []string{"203.0.113.7, ,", "", " , 10.0.0.2"}, "203.0.113.7", ""},
		{"proxies alone", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", ""},
		{"a proxy that speaks IPv6", "[fd00::1]:1234", []string{"203.0.113.7"}, "203.0.113.7", ""},
		{"a proxy in the form of IPv6", "[::ffff:10.0.0.1]:1234", []string{"203.0.113.7"}, "203.0.113.7", ""},
		{"an element that is unknown", "10.0.0.1:1234", []string{"unknown"}, "10.0.0.1", "unknown"},
		{"an element that is unknown behind a good one", "10.0.0.1:1234", []string{"203.0.113.7, _hidden, 10.0.0.2"}, "10.0.0.2", "_hidden"},
		{"an element that is unknown before a client", "10.0.0.1:1234", []string{"unknown, 203.0.113.7"}, "203.0.113.7", ""},
		{"a port that is none", "10.0.0.1:1234", []string{"203.0.113.7:x:y"}, "10.0.0.1", "203.0.113.7:x:y"},
		{"a name", "10.0.0.1:1234", []string{"shop.example.com"}, "10.0.0.1", "shop.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			proxies := &proxies{trusted: trusted, log: slog.New(slog.NewTextHandler(&log, nil))}
			header := http.Header{"X-Forwarded-For": test.lines}
			if test.lines == nil {
				header = nil
			}
			for range 2 { // it must not change the header
				require.Equal(t, test.client, proxies.client(&http.Request{RemoteAddr: test.peer, Header: header}).String())
			}
			if test.unreadable != "" {
				require.Equal(t, 1, strings.Count(log.String(), "an element that is not an address"), log.String())
				require.Contains(t, log.String(), "element="+test.unreadable)
			} else {
				require.NotContains(t, log.String(), "element=")
			}
		})
	}
	require.Empty(t, (&proxies{}).client(&http.Request{RemoteAddr: "@"}), "a Unix socket")
}
