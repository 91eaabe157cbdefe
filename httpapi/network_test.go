package httpapi_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":                 "10.0.0.0/8",
		"10.1.2.3/8":                 "10.1.2.3/8",
		"192.0.2.1":                  "192.0.2.1/32",
		"0.0.0.0/0":                  "0.0.0.0/0",
		"fd00::/8":                   "fd00::/8",
		"fd00::1":                    "fd00::1/128",
		"::ffff:192.0.2.1":           "192.0.2.1/32",
		"::ffff:192.0.2.0/120":       "192.0.2.0/24",
		"2001:db8:0:0:0:0:0:1":       "2001:db8::1/128",
		"::/0":                       "::/0",
		"2001:db8::ffff:10.0.0.1/64": "2001:db8::ffff:a00:1/64",
	} {
		network, err := httpapi.ParseNetwork(text)
		require.NoError(t, err, text)
		require.Equal(t, netip.MustParsePrefix(want), network, text)
	}
	for _, text := range []string{
		"", "nginx", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/08", "fe80::1%eth0", "fe80::%eth0/64",
		"10.0.0.1:80", "[fd00::1]", " 10.0.0.1", "*",
	} {
		network, err := httpapi.ParseNetwork(text)
		require.EqualError(t, err, "takes networks like 10.0.0.0/8 or fd00::/8", text)
		require.Zero(t, network)
	}
}
