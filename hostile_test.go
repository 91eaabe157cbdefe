package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// ofOurInside is what no client may ever see: the words of Go, of SQL, of drivers, and our paths.
var ofOurInside = regexp.MustCompile(`(?i)goroutine|runtime|panic|\.go\b|json:|strconv|unmarshal|invalid character|sql|sqlite|` +
	`pgx|constraint|SELECT|INSERT|jwt|base64|\berror:|/tmp|/home|0x[0-9a-f]{6}`)

// TestNothingThatAClientSendsGetsBehindTheEnvelope sends bytes as they are, since http.Client would refuse to
// send most of this. What net/http refuses by itself, before any handler, is text of its own.
func TestNothingThatAClientSendsGetsBehindTheEnvelope(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		handler := handlerOn(t, url, "RATE_LIMIT", "off")
		token := member(t, handler, testUser)
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		auth := "Authorization: Bearer " + token + "\r\n"
		post := func(path, header, body string) string {
			return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", path, header, len(body), body)
		}
		get := func(path, header string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + header + "\r\n" }
		user := func(name, password, email string) string {
			return post("/user/register", "", fmt.Sprintf(`{"username":%s,"password":%s,"email":%s}`, name, password, email))
		}
		order := func(body string) string { return post("/order/create", auth, body) }
		const name, password, email = `"name"`, `"test123"`, `"a@b.com"`

		for _, test := range []struct {
			name, raw string
			status    int // 0: net/http's own 400
		}{
			{"a name that is SQL", user(`"x'); DROP TABLE users; --"`, password, email), 400},
			{"a name of NUL", user(`"\u0000"`, password, email), 400},
			{"a name of half a character", user(`"\ud800"`, password, email), 400},
			{"a name that is no UTF-8", user("\"\xff\xfe\"", password, email), 400},
			{"a name of an emoji", user(`"😀"`, password, email), 400},
			{"a name that turns the text around", user(`"\u202eadmin"`, password, email), 400},
			{"a name of nothing that can be seen", user(`"\u200b"`, password, email), 400},
			{"a name of 60 KB", user(`"`+strings.Repeat("a", 60<<10)+`"`, password, email), 400},
			{"a password of 60 KB", user(name, `"`+strings.Repeat("a", 60<<10)+`"`, email), 400},
			{"an address that adds a header", user(name, password, `"a@b.com\r\nBcc: c@d.com"`), 400},
			{"an address of 60 KB", user(name, password, `"`+strings.Repeat("a", 60<<10)+`@b.com"`), 400},
			{"everything null", user("null", "null", "null"), 400},
			{"everything of another type", user("[]", "{}", "true"), 400},
			{"a login that is SQL", post("/user/login", "", `{"username":"' OR 1=1 --","password":"' OR 1=1 --"}`), 200},
			{"a login with a key twice", post("/user/login", "", `{"username":"a","password":"b","username":"c"}`), 400},
			{"a login in a prototype", post("/user/login", "", `{"__proto__":{},"username":"test","password":"wrong"}`), 200},
			{"a body of nothing", post("/user/login", "", ""), 400},
			{"a body of one brace", post("/user/login", "", "{"), 400},
			{"a body of XML", post("/user/login", "Content-Type: application/xml\r\n", "<a/>"), 415},
			{"a form", post("/user/login", "Content-Type: application/x-www-form-urlencoded\r\n", "username=a&password=b"), 415},
			{"a compressed body", post("/user/login", "Content-Encoding: gzip\r\n", "\x1f\x8b"), 415},
			{"a body that says it is of 10 GB", "POST /user/login HTTP/1.1\r\nHost: a\r\nContent-Length: 10737418240\r\n\r\n", 413},
			{"a body of 1 MB in chunks", "POST /user/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" +
				strings.Repeat("a", 1<<20) + "\r\n0\r\n\r\n", 413},
			{"a chunk of no size", "POST /user/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
			{"both length and chunks", "POST /user/login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
			{"16,000 brackets", order(strings.Repeat("[", 16000)), 400},
			{"an order of 17 levels", order(`{"product":"p","price":1,"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}"), 400},
			{"a price beyond all numbers", order(`{"product":"p","price":1e999999999}`), 400},
			{"a price of 60,000 digits", order(`{"product":"p","price":0.` + strings.Repeat("0", 60000) + `1}`), 400},
			{"a price that is NaN", order(`{"product":"p","price":NaN}`), 400},
			{"a negative price", order(`{"product":"p","price":-0.01}`), 400},
			{"a price that is text", order(`{"product":"p","price":"100"}`), 400},
			{"a product of controls", order(`{"product":"a\u0007b","price":1}`), 400},
			{"a product that is a page", order(`{"product":"<script>alert(1)</script>","price":1}`), 200},
			{"a user beyond all ids", order(`{"userid":9223372036854775808,"product":"p","price":1}`), 400},
			{"an id beyond all ids", get("/order/query/9223372036854775808", auth), 400},
			{"an id that is SQL", get("/order/query/1%20OR%201=1", auth), 400},
			{"an id of NUL", get("/order/query/%00", auth), 400},
			{"an id of two lines", get("/order/query/1%0d%0aSet-Cookie:%20a", auth), 400},
			{"an id that goes up", get("/order/query/../../etc/passwd", auth), 404},
			{"an id that goes up in disguise", get("/order/query/..%2f..%2fetc%2fpasswd", auth), 404},
			{"a path of 8 KB", get("/"+strings.Repeat("a", 8<<10), ""), 404},
			{"a path of slashes", get("//////", ""), 404},
			{"a path that is a URL", get("http://other.example/user/info", auth), 200},
			{"a broken escape in the path", get("/user/%zz", ""), 0},
			{"no path", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 0},
			{"no host", "GET /user/info HTTP/1.1\r\n\r\n", 0},
			{"two hosts", "GET /user/info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 0},
			{"a header without a name", get("/user/info", ": x\r\n"), 0},
			{"a method of lower case", "get /user/info HTTP/1.1\r\nHost: a\r\n\r\n", 405},
			{"a method of another world", "PROPFIND /user/info HTTP/1.1\r\nHost: a\r\nDepth: 1\r\n\r\n", 405},
			{"a proxy's method", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 404},
			{"no token", get("/user/info", ""), 401},
			{"a token of 5 KB", get("/user/info", "Authorization: Bearer "+strings.Repeat("a", 5<<10)+"\r\n"), 401},
			{"two tokens", get("/user/info", auth+auth), 401},
			{"a token that is SQL", get("/user/info", "Authorization: Bearer ' OR 1=1\r\n"), 401},
			{"a token of dots", get("/user/info", "Authorization: Bearer ..\r\n"), 401},
			{"a token that says none", get("/user/info", "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.\r\n"), 401},
			{"a name and a password", get("/user/info", "Authorization: Basic dGVzdDp0ZXN0MTIz\r\n"), 401},
			{"a language of 8 KB", get("/user/info", "Accept-Language: "+strings.Repeat("en-", 2<<10)+"\r\n"), 401},
			{"an upgrade", get("/user/info", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), 401},
			{"another HTTP in the clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404},
			{"a greeting of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0},
		} {
			t.Run(test.name, func(t *testing.T) {
				status, header, body := exchange(t, server.Listener.Addr().String(), test.raw)
				if test.status == 0 {
					require.Contains(t, []int{400, 505}, status, body)
					return
				}
				require.Equal(t, test.status, status, body)
				require.Equal(t, "application/json; charset=utf-8", header.Get("Content-Type"))
				var envelope struct {
					Code *int
					Msg  string
					Data map[string]any
				}
				decoder := json.NewDecoder(strings.NewReader(body))
				decoder.DisallowUnknownFields()
				require.NoError(t, decoder.Decode(&envelope), body)
				require.NotNil(t, envelope.Code)
				require.NotEmpty(t, envelope.Msg)
				require.NotNil(t, envelope.Data)
				require.NotRegexp(t, ofOurInside, body)
			})
		}
		status, _, _ := exchange(t, server.Listener.Addr().String(), get("/order/query/1", auth))
		require.Equal(t, 200, status, "it has taken harm")
	})
}

// exchange sends bytes over a connection of their own and reads one answer.
func exchange(t *testing.T, address, raw string) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	go func() { _, _ = io.WriteString(conn, raw) }() // it may be refused before all of it is sent
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}
