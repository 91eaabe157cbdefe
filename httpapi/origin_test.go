package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
)

func TestParseOrigin(t *testing.T) {
	for _, text := range []string{
		"https://shop.example.com", "http://localhost:3000", "http://shop.example", "https://shop.example:80", "http://[::1]:8080",
		"https://xn--fiqs8s", "http://127.0.0.1", "capacitor://localhost", "ionic://localhost", "tauri://localhost",
		"https://shop_1.example.com", "https://v2--site.netlify.app", "https://r3---sn-x.example.com", "https://-a-.example",
		"https://ab--cd--.example", "http://[::ffff:102:304]", "http://[::ffff:0:1]:81", "https://a~b.example", "https://xn--strae-oqa.de",
		"app://shop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
	} {
		origin, err := httpapi.ParseOrigin(text)
		require.NoError(t, err, text)
		require.Equal(t, text, origin)
	}
	for _, text := range []string{
		"", "*", "null", "shop.example", "https://", "https://*.example", "https://shop.example/path", "https://shop.example?q",
		"https://shop.example#f", "https://me@shop.example", "ftp://shop.example", "file:///index.html", "https://:8080",
		"https://shop.example ", "://", "http://1.2.3.4.5", "http://256.1.1.1", "http://1.2.3.0x100", "https://shop.example:99999",
		"https://a b", "https://[::1", "http://fe80::1", "https://shop..example", "//h", "//shop.example", "h", "http:h",
		"https://a^b.example", "https://a|b.example", "https://a\u2100b.example", "http://[1.2.3.4]", "https://xn--a.example",
	} {
		_, err := httpapi.ParseOrigin(text)
		require.EqualError(t, err, "takes origins like https://shop.example.com, without a path or a *", text)
	}
	for text, sent := range map[string]string{
		"https://Shop.example":     "https://shop.example",
		"HTTPS://shop.example":     "https://shop.example",
		"https://shop.example/":    "https://shop.example",
		"https://shop.example:443": "https://shop.example",
		"http://shop.example:80":   "http://shop.example",
		"http://shop.example:0080": "http://shop.example",
		"https://shop.example:":    "https://shop.example",
		"https://例子.中国":            "https://xn--fsqu00a.xn--fiqs8s",
		"https://bücher.example":   "https://xn--bcher-kva.example",
		"http://0x7f.1":            "http://127.0.0.1",
		"http://127.1:8080":        "http://127.0.0.1:8080",
		"http://2130706433":        "http://127.0.0.1",
		"http://0177.0.0.1":        "http://127.0.0.1",
		"http://[0:0:0:0:0:0:0:1]": "http://[::1]",
		"http://[FD00::1]":         "http://[fd00::1]",
		"Capacitor://localhost":    "capacitor://localhost",
		"http://[::FFFF:1.2.3.4]":  "http://[::ffff:102:304]",
		"http://[::ffff:1.2.3.4]":  "http://[::ffff:102:304]",
		"http://[::1.2.3.4]":       "http://[::102:304]",
		"https://Shop_1.example":   "https://shop_1.example",
		"https://straße.de":        "https://xn--strae-oqa.de",
		"https://a。b．example":      "https://a.b.example",
	} {
		_, err := httpapi.ParseOrigin(text)
		require.EqualError(t, err, "is never sent by a browser, which sends "+sent, text)
		origin, err := httpapi.ParseOrigin(sent)
		require.NoError(t, err)
		require.Equal(t, sent, origin)
	}
	_, err := httpapi.NewEngine(httpapi.Config{Log: silent, Origins: []string{"https://shop.example", "*"}})
	require.ErrorContains(t, err, `origin "*": takes origins like`)
}
