package httpapi

import (
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// errPlainHTTP refuses a request that has already sent what it has over an open line.
var errPlainHTTP = NewError(http.StatusForbidden, Text{"请使用 HTTPS", "use HTTPS"})

// NewRedirect returns an engine for plain HTTP beside HTTPS: it has the health routes, sends GET and HEAD to the same
// address with https and port, and refuses all else. To redirect a login would only hide that its password was sent
// for all to read.
func NewRedirect(cfg Config, port string) (*gin.Engine, error) {
	engine, err := NewEngine(cfg)
	if err != nil {
		return nil, err
	}
	redirect := Handle(func(c *gin.Context) error {
		isRead := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
		if !isRead || c.Request.URL.Opaque != "" { // which is no path
			return errPlainHTTP
		}
		c.Redirect(http.StatusPermanentRedirect, "https://"+HostWithPort(c.Request.Host, port)+c.Request.URL.RequestURI())
		return nil
	})
	engine.NoRoute(redirect)
	engine.NoMethod(redirect)
	return engine, nil
}

// HostWithPort puts a port in the place of the one that host may have. 443, which https means anyway, is left out.
func HostWithPort(host, port string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if port != "443" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
