package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// errForeignOrigin answers a page of an origin that is not allowed.
var errForeignOrigin = newError(http.StatusForbidden, "不允许来自该网站的请求", "requests from this origin are not allowed")

var errOrigin = errors.New("takes origins like https://shop.example.com, without a path, a usual port or a *")

// CheckOrigin returns an error unless text is an origin as browsers send it (RFC 6454, section 6.2): http or https, a
// host and a port if it is not the default one, all in lower case.
func CheckOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || !isOrigin(u) || text != strings.ToLower(u.Scheme+"://"+u.Host) {
		return errOrigin
	}
	return nil
}

func isOrigin(u *url.URL) bool {
	defaultPorts := map[string]string{"http": "80", "https": "443"}
	port, known := defaultPorts[u.Scheme]
	return known && u.Hostname() != "" && u.Port() != port && !strings.Contains(u.Host, "*")
}

// crossOrigin lets pages of the given origins read responses (https://fetch.spec.whatwg.org/#http-cors-protocol) and
// refuses pages of all others. It never allows credentials, which in CORS are cookies: a page sends its token in a
// header.
//
// allow runs before any handler that may refuse a request, so that the page can read the refusal. answer ends
// preflights and the requests of foreign pages.
func crossOrigin(origins []string) (allow, answer gin.HandlerFunc) {
	headers := cors.New(cors.Config{
		AllowOrigins:  origins,
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowHeaders:  []string{"Authorization", "Content-Type", "X-Request-ID"},
		ExposeHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-ID"},
		MaxAge:        2 * time.Hour, // the maximum of Chromium; others cap it themselves
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
		case origin == "", origin == "http://"+c.Request.Host, origin == "https://"+c.Request.Host:
		case slices.Contains(origins, origin):
			if preflight { // cors would take any OPTIONS for a preflight
				headers(c)
			}
		case c.FullPath() == "" && !preflight: // 404 and 405 come before 403
		default: // cors would refuse it with an empty body
			Fail(c, errForeignOrigin)
		}
	}
	return allow, answer
}
