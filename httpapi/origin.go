package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// errForeignOrigin answers a page of an origin that is not allowed.
var errForeignOrigin = newError(http.StatusForbidden, "不允许来自该网站的请求", "requests from this origin are not allowed")

// CheckOrigin returns an error unless text is an origin exactly as browsers send it (RFC 6454, section 6.2): a scheme, a
// host and a port if it is not the default one. The scheme may be that of an app, such as capacitor. The error names the
// form that browsers send, if text has one.
func CheckOrigin(text string) error {
	sent, err := originOf(text)
	switch {
	case err != nil:
		return errors.New("takes origins like https://shop.example.com, without a path or a *")
	case sent != text:
		return fmt.Errorf("is never sent by a browser, which sends %s", sent)
	}
	return nil
}

var errOrigin = errors.New("not an origin")

// originOf returns the origin of a URL without a path, as browsers serialise it.
func originOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || !isBare(u) {
		return "", errOrigin
	}
	host, usual := u.Hostname(), ""
	switch u.Scheme { // which url.Parse has put into lower case
	case "http", "https":
		usual = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		if host, err = webHost(host); err != nil {
			return "", err
		}
	case "about", "blob", "data", "file", "ftp", "javascript", "ws", "wss": // no page of theirs has an origin
		return "", errOrigin
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port() == "" {
		return u.Scheme + "://" + host, nil
	}
	number, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return "", errOrigin
	}
	if port := strconv.FormatUint(number, 10); port != usual {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

// isBare reports whether a URL has nothing but a scheme, a host and a port.
func isBare(u *url.URL) bool {
	return u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && strings.Trim(u.Path, "/") == "" &&
		!strings.ContainsAny(u.Host, "*%")
}

// webHost returns a host as browsers write it (https://url.spec.whatwg.org/#host-parsing): a name in ASCII and lower
// case, an IPv6 address in its short form, or an IPv4 address in four decimal numbers.
func webHost(host string) (string, error) {
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		return address.String(), nil
	}
	ascii, err := DomainToASCII(host)
	if err != nil {
		return "", err
	}
	parts := strings.Split(ascii, ".")
	if _, isNumber := parseNumber(parts[len(parts)-1]); isNumber {
		return shortIPv4(parts)
	}
	return ascii, nil
}

// shortIPv4 reads the forms of IPv4 addresses that browsers accept and never send, such as 0x7f.1.
func shortIPv4(parts []string) (string, error) {
	var address uint64
	for i, part := range parts {
		number, ok := parseNumber(part)
		last := i == len(parts)-1
		if !ok || len(parts) > 4 || !last && number > 255 || last && number >= 1<<(8*(5-len(parts))) {
			return "", errors.New("not an address")
		}
		if !last {
			number <<= 8 * (3 - i)
		}
		address |= number
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), nil
}

// parseNumber parses a decimal, octal (017) or hexadecimal (0xf) number.
func parseNumber(text string) (number uint64, ok bool) {
	if text == "0x" {
		return 0, true
	}
	number, err := strconv.ParseUint(text, 0, 32)
	return number, err == nil && !strings.Contains(text, "_")
}

// crossOrigin lets pages of the given origins read responses (https://fetch.spec.whatwg.org/#http-cors-protocol) and
// refuses pages of all others. It never allows credentials, which in CORS are cookies: a page sends its token in a
// header.
//
// allow runs before any handler that may refuse a request, so that the page can read the refusal. answer ends
// preflights and the requests of foreign pages.
func crossOrigin(origins []string) (allow, answer gin.HandlerFunc) {
	headers := cors.New(cors.Config{
		AllowOrigins: origins,
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowHeaders: []string{
			"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Traceparent", "Tracestate", "X-Request-ID",
		},
		ExposeHeaders: []string{"ETag", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate", "X-Request-ID"},
		CustomSchemas: schemesOf(origins), // gin-contrib/cors refuses others than those of the web
		MaxAge:        2 * time.Hour,      // the maximum of Chromium; others cap it themselves
	})
	allow = func(c *gin.Context) {
		if slices.Contains(origins, c.GetHeader("Origin")) && c.Request.Method != http.MethodOptions {
			headers(c)
		}
	}
	answer = func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		preflight := c.GetHeader("Access-Control-Request-Method") != "" && c.Request.Method == http.MethodOptions
		switch {
		case origin == "", isOwn(c, origin):
		case slices.Contains(origins, origin):
			if preflight { // cors would take any OPTIONS for a preflight
				headers(c)
			}
		case c.FullPath() == "" && !preflight: // 404 and 405 come before 403
		default: // cors would refuse it with an empty body
			Annotate(c, slog.String("origin", origin), slog.String("remedy", "add the origin to CORS_ORIGINS if it is yours"))
			Fail(c, errForeignOrigin)
		}
	}
	return allow, answer
}

// isOwn reports whether origin is that of the service itself, under the name that the client knows: a trusted proxy may
// have put another one into Host.
func isOwn(c *gin.Context, origin string) bool {
	hosts := []string{c.Request.Host}
	peer, ok := addressOf(c.Request.RemoteAddr)
	if forwarded := c.GetHeader("X-Forwarded-Host"); forwarded != "" && ok && isIn(exchangeOf(c).proxies.trusted, peer) {
		hosts = append(hosts, forwarded)
	}
	return slices.ContainsFunc(hosts, func(host string) bool { return origin == "http://"+host || origin == "https://"+host })
}

// schemesOf returns the schemes of origins that are not of the web, such as capacitor://.
func schemesOf(origins []string) (schemes []string) {
	for _, origin := range origins {
		if scheme, _, ok := strings.Cut(origin, "://"); ok && scheme != "http" && scheme != "https" {
			schemes = append(schemes, scheme+"://")
		}
	}
	return schemes
}
