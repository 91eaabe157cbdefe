package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"
)

// Config configures NewEngine.
type Config struct {
	Log            *slog.Logger
	Ready          func(context.Context) error // returns nil while the service can do its work
	Translate      func(error) *Error          // the answer to an error that is not for clients, or nil; may be nil
	TrustedProxies []netip.Prefix              // networks whose X-Forwarded-For counts, from ParseNetwork
	Origins        []string                    // allowed in CORS, as ParseOrigin takes them
	Limit          Limit                       // of all requests of a client address
	Observe        func(Answered)              // called after each request; may be nil, must be fast
}

// NewEngine returns an engine with the health routes only. Whatever it is asked, it answers in the envelope. It
// returns an error if an origin is invalid.
func NewEngine(cfg Config) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false // gin would redirect in HTML, before any middleware
	engine.HandleMethodNotAllowed = true
	if err := engine.SetTrustedProxies(nil); err != nil { // gin trusts all; forwarded.go finds the client instead
		return nil, err
	}
	engine.Use(logged(cfg, &proxies{trusted: cfg.TrustedProxies, log: cfg.Log}, engine.Routes), recovering, defaultHeaders())
	allow, answer, err := crossOriginOf(cfg.Origins)
	if err != nil {
		return nil, err
	}
	engine.Use(allow)
	mountHealth(engine, cfg.Ready) // before the limits, which must not fail a probe behind a busy address
	engine.Use(Limited("requests", cfg.Limit), answer)
	engine.NoRoute(Handle(NotFound))
	engine.NoMethod(Handle(func(*gin.Context) error { return errMethodNotAllowed }))
	return engine, nil
}

// NotFound returns ErrNotFound, but answers OPTIONS *, which asks for the service as a whole (RFC 9110, section 9.3.7).
// A handler that takes the place of the engine's NoRoute ends with it.
func NotFound(c *gin.Context) error {
	if c.Request.Method == http.MethodOptions && c.Request.RequestURI == "*" {
		c.Header("Allow", "GET, HEAD, POST, DELETE, OPTIONS")
		return OK(c, Text{"可用", "available"}, Empty{})
	}
	return ErrNotFound
}

// Get mounts handlers for GET and for HEAD, which works wherever GET does (RFC 9110, section 9.1).
func Get(routes gin.IRoutes, path string, handlers ...gin.HandlerFunc) {
	routes.Match([]string{http.MethodGet, http.MethodHead}, path, handlers...)
}
