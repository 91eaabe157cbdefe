package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAURLIsShownWithoutItsUserPartAndQuery(t *testing.T) {
	for text, want := range map[string]string{
		"https://shop.example/hook":                         "https://shop.example/hook",
		"https://shop.example":                              "https://shop.example",
		"HTTPS://Shop.Example:443/Hook":                     "https://shop.example/Hook",
		"https://shop.example:8443/":                        "https://shop.example:8443/",
		"http://127.0.0.1:80/hook":                          "http://127.0.0.1/hook",
		"https://shop.example:/hook":                        "https://shop.example/hook",
		"https://hunter2:hunter2@shop.example/hook?hunter2": "https://***@shop.example/hook?***",
		"https://hunter2@shop.example":                      "https://***@shop.example",
		"https://:hunter2@shop.example":                     "https://***@shop.example",
		"https://u:hunter2@hunter2@shop.example/":           "https://***@shop.example/",
		"https://u:%2Fhunter2%3F%23%40@shop.example/":       "https://***@shop.example/",
		"https://shop.example?hunter2":                      "https://shop.example?***",
		"https://shop.example/a?hunter2=hunter2?hunter2":    "https://shop.example/a?***",
		"https://shop.example/a?b=//u:hunter2":              "https://shop.example/a?***",
		"https://shop.example/a;b/../%2F%40/%E5%95%86":      "https://shop.example/a;b/../%2F%40/%E5%95%86",
		"https://shop.example/?":                            "https://shop.example/",
		"https://u:hunter2@[2001:db8::1]:8443/hook":         "https://***@[2001:db8::1]:8443/hook",
		"https://[fe80::1%25eth0]/hook":                     "https://[fe80::1%25eth0]/hook",
		"https://xn--55q89qy9p.example/":                    "https://xn--55q89qy9p.example/",
		"https://a_b-c.d:1":                                 "https://a_b-c.d:1",
		"https://8.8.8.8/":                                  "https://8.8.8.8/",
	} {
		endpoint, err := ParseURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, endpoint.String(), text)

		type config struct{ Endpoints []Endpoint }
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("start", "webhook", endpoint, "config", config{[]Endpoint{endpoint}})
		slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "webhook", endpoint, "config", config{[]Endpoint{endpoint}})
		printed := fmt.Sprintf("%v %+v %#v %s %q %#v", endpoint, endpoint, endpoint, endpoint, endpoint, config{[]Endpoint{endpoint}}) + log.String()
		require.GreaterOrEqual(t, strings.Count(printed, want), 9, printed)
		require.NotContains(t, printed, "hunter2")
	}
}

func TestAURLThatIsRefusedIsNotRepeated(t *testing.T) {
	for text, want := range map[string]error{
		"": errScheme, "hunter2": errScheme, "//hunter2/": errScheme, "/hunter2": errScheme, "hunter2.example:443": errScheme,
		"ftp://hunter2/": errScheme, "ws://hunter2/": errScheme, "file:///hunter2": errScheme, "javascript:hunter2": errScheme,
		"https:": errForm, "https://": errForm, "https:///hunter2": errForm, "https:hunter2": errForm, "https://:443/hunter2": errForm,
		"https://u:hunter2@": errForm, "https://u:hunter2@:443/": errForm, "https://[::1": errForm, "https://[hunter2]/": errForm,
		"https://hunter2$/": errForm, "https://hunt%65r2/": errForm, `https://hunter2\shop.example/`: errForm, "https://h,hunter2/": errForm,
		"https://u:hunt/er2@shop.example/": errForm, "https://u:hunter2%@shop.example/": errForm, "https://shop.example/%hunter2": errForm,
		"https://u:p?hunter2@shop.example": errForm, "https://shop.example:hunter2/": errForm, "https://shop.example:-1": errForm,
		"https://u:1/hunter2@shop.example/": errAt, "https://u:1?hunter2@shop.example/": errAt, "https://h/?mail=hunter2@h": errAt,
		"https://u/hunter2@shop.example": errAt,
		"https://u:1#hunter2@h/":         errFragment, "https://shop.example/#hunter2": errFragment, "https://shop.example#": errFragment,
		"https://u:hunt er2@shop.example": errCharacter, "https://shop.example/hunter2\n": errCharacter, " https://hunter2/": errCharacter,
		"https://shop.example/\thunter2": errCharacter, "https://shop.example/hunter2\x00": errCharacter, "https://hunter2\x7f/": errCharacter,
		"https://商店.example/hunter2": errCharacter, "https://shop.example/hunter2\u00a0": errCharacter, "https://hunter2\xff/": errCharacter,
		"https://@shop.example/hunter2": errLogin, "https://:@shop.example/hunter2": errLogin,
		"https://hunt%3Aer2:p@shop.example": errLogin, "https://u:hunter2%0A@h": errLogin, "https://u%00:hunter2@h": errLogin,
		"https://u:hunter2@h:0": errPort, "https://u:hunter2@h:65536": errPort, "https://h:99999999999999999999/hunter2": errPort,
		"http://8.8.8.8/hunter2": errPublic,
	} {
		endpoint, err := ParseURL(text)
		require.Equal(t, want, err, "%q", text)
		require.NotContains(t, err.Error(), "hunter2")
		require.Zero(t, endpoint)
	}
}

func TestPlainHTTPIsForLoopbackAndPrivateAddresses(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.254": true, "[::1]": true, "[::ffff:127.0.0.1]": true,
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true, "[::ffff:10.1.2.3]": true,
		"[fc00::1]": true, "[fdff:ffff::1]": true,

		"8.8.8.8": false, "172.15.0.1": false, "172.32.0.1": false, "192.169.0.1": false, "11.0.0.1": false, "[2001:db8::1]": false,
		"[::ffff:8.8.8.8]": false, "[64:ff9b::a00:1]": false, "[::10.0.0.1]": false, "[fe00::1]": false,
		"169.254.169.254": false, "[fe80::1]": false, "[fe80::1%25eth0]": false, "[::ffff:169.254.169.254]": false, // link-local
		"100.64.0.1": false, "0.0.0.0": false, "[::]": false, "[::ffff:0.0.0.0]": false, "0.0.0.1": false,
		"255.255.255.255": false, "224.0.0.1": false, "[ff02::1]": false, "240.0.0.1": false, "[2002:7f00:1::]": false,
	} {
		address := strings.Replace(host, "%25", "%", 1) + ":80"
		if want {
			require.NoError(t, requirePrivate("tcp", address, nil), host)
		} else {
			require.Equal(t, notAllowed, requirePrivate("tcp", address, nil), host)
		}
		_, err := ParseURL("http://" + host + "/hook")
		if want {
			require.NoError(t, err, host)
		} else {
			require.Equal(t, errPublic, err, host)
		}
		_, err = ParseURL("https://" + host + "/hook")
		require.NoError(t, err, host)
	}
	for _, name := range []string{"localhost", "hooks", "shop.example", "127.1", "2130706433"} { // which only a resolver knows
		_, err := ParseURL("http://" + name)
		require.NoError(t, err, name)
	}
	for _, address := range []string{"", "127.0.0.1", "localhost:80", "/run/socket"} { // which no dialer has
		require.Equal(t, notAllowed, requirePrivate("tcp", address, nil), address)
	}
}

func TestAListOfURLs(t *testing.T) {
	const a, b = "https://a.example/?1", "https://b.example"
	for text, want := range map[string][]string{
		"": nil, "\t,\n,": nil,
		a:                                  {"https://a.example/?***"},
		"\n " + a + "\t,\r\n " + b + " ,,": {"https://a.example/?***", b},
		b + "," + a:                        {b, "https://a.example/?***"},
		a + ",https://a.example/?2":        {"https://a.example/?***", "https://a.example/?***"},
	} {
		endpoints, err := ParseURLs(text)
		require.NoError(t, err, text)
		var shown []string
		for _, endpoint := range endpoints {
			shown = append(shown, endpoint.String())
		}
		require.Equal(t, want, shown, text)
	}
	for text, want := range map[string]string{
		a + "," + a:                             errTwice.Error() + " (number 2 of 2)",
		b + ", HTTPS://B.Example:443":           errTwice.Error() + " (number 2 of 2)",
		a + "," + b + ",http://9.9.9.9/hunter2": errPublic.Error() + " (number 3 of 3)",
		"https://h/?hunter2=1,2":                errScheme.Error() + " (number 2 of 2)",
		"http://9.9.9.9/hunter2":                errPublic.Error(),
		"https://a b":                           errCharacter.Error(),
	} {
		endpoints, err := ParseURLs(text)
		require.EqualError(t, err, want)
		require.Empty(t, endpoints)
	}
}

func TestAKeyIsThatOfTheWholeURL(t *testing.T) {
	keys := map[string]bool{}
	for _, text := range []string{
		"https://shop.example/hook", "https://shop.example/hook?a", "https://shop.example/hook?b", "https://u:a@shop.example/hook",
		"https://u:b@shop.example/hook", "https://shop.example:8443/hook", "https://shop.example/Hook", "http://shop.example/hook",
	} {
		endpoint, err := ParseURL(text)
		require.NoError(t, err)
		again, err := ParseURL(text)
		require.NoError(t, err)
		require.True(t, endpoint == again) //nolint:testifylint // what callers do
		sum := sha256.Sum256([]byte(text))
		require.Equal(t, hex.EncodeToString(sum[:]), endpoint.Key())
		require.False(t, keys[endpoint.Key()])
		keys[endpoint.Key()] = true
	}
}

func FuzzWebhookURL(f *testing.F) {
	for _, seed := range []string{
		"https://u:p@shop.example/hook?q", "http://127.0.0.1:80/?x", "https://u:1/p@h", "https://[fe80::1%25eth0]:1/", "https://h/%2F//..;",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		endpoint, err := ParseURL(text)
		if err != nil {
			return
		}
		again, err := ParseURL(endpoint.url)
		require.NoError(t, err, "what is sent would be refused")
		require.Equal(t, endpoint, again)
		_, rest, _ := strings.Cut(endpoint.shown, "://")
		login, _, ok := strings.Cut(rest, "@")
		require.Equal(t, strings.Contains(text, "@"), ok)
		if ok {
			require.Equal(t, "***", login)
		}
		_, query, ok := strings.Cut(rest, "?")
		if ok {
			require.Equal(t, "***", query)
		}
		require.LessOrEqual(t, strings.Count(rest, "@"), 1)
	})
}
