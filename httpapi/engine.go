package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Config is what NewEngine needs.
type Config struct {
	Log            *slog.Logger
	Ready          func(context.Context) error // nil while the service can do its work
	Translate      Translator                  // may be nil
	TrustedProxies []string                    // CIDRs whose X-Forwarded-For counts
	Origins        []string                    // whose pages may use the service, like https://example.com
	Limit          Limit                       // for all requests of a client address together
	Observe        func(Answered)              // told of each request; may be nil, must be quick
}

// NewEngine returns an engine that answers in the envelope whatever it is asked, with the health routes and
// without any other. It fails if a trusted proxy is neither an address nor a CIDR, and panics if an origin is
// none.
func NewEngine(cfg Config) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false // gin would redirect in HTML, before any middleware
	engine.HandleMethodNotAllowed = true
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"} // and not X-Real-IP, which gin takes as well
	if err := engine.SetTrustedProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	engine.Use(logged(cfg), recovering, secured())
	// Before the limits: a probe must not be refused because somebody else behind its address is busy.
	health := []string{http.MethodGet, http.MethodHead}
	engine.Match(health, "/healthz", Handle(alive))
	engine.Match(health, "/readyz", Handle(ready(cfg.Ready)))

	if len(cfg.Origins) > 0 {
		allow, answer := crossOrigin(cfg.Origins)
		engine.Use(allow, Limited("requests", cfg.Limit), answer)
	} else {
		engine.Use(Limited("requests", cfg.Limit))
	}
	engine.NoRoute(Handle(func(*gin.Context) error { return ErrNotFound }))
	engine.NoMethod(Handle(func(*gin.Context) error { return ErrMethodNotAllowed }))
	return engine, nil
}

// alive serves GET /healthz.
func alive(c *gin.Context) error {
	return OK(c, Text{"运行中", "alive"}, Empty{})
}

// ready serves GET /readyz.
func ready(check func(context.Context) error) func(*gin.Context) error {
	notReady := newError(http.StatusServiceUnavailable, "未就绪", "not ready")
	return func(c *gin.Context) error {
		if err := check(c.Request.Context()); err != nil {
			return fmt.Errorf("%w: %w", notReady, err) // the cause is for the log
		}
		return OK(c, Text{"就绪", "ready"}, Empty{})
	}
}
