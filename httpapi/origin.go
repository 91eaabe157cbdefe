package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// errForeignOrigin is the answer to a page that may not use the service.
var errForeignOrigin = newError(http.StatusForbidden, "不允许来自该网站的请求", "requests from this origin are not allowed")

// crossOrigin lets pages of the given origins read the answers (https://fetch.spec.whatwg.org/#http-cors-protocol)
// and refuses those of others. Credentials in the sense of CORS, which are cookies, are never asked for: a
// token travels in a header that a page has to set by itself.
//
// allow comes first, so that a page can read whatever it is refused for later. answer ends the requests that are
// about CORS itself.
func crossOrigin(origins []string) (allow, answer gin.HandlerFunc) {
	headers := cors.New(cors.Config{
		AllowOrigins:  origins,
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowHeaders:  []string{"Authorization", "Content-Type", "X-Request-ID"},
		ExposeHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-ID"},
		MaxAge:        2 * time.Hour, // the most that browsers heed
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
			if preflight { // cors would take any OPTIONS for one
				headers(c)
			}
		case c.FullPath() == "" && !preflight: // no such route or method, which is said first
		default: // cors would refuse it with an empty body
			Fail(c, errForeignOrigin)
		}
	}
	return allow, answer
}
