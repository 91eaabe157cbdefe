package httpapi

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gin-gonic/gin"
)

// Config configures NewEngine.
type Config struct {
	Log            *slog.Logger
	Ready          func(context.Context) error // returns nil while the service can do its work
	Translate      func(error) *Error          // the answer to an error that is not for clients, or nil; may be nil
	TrustedProxies []string                    // networks whose X-Forwarded-For counts, as ParseNetwork takes them
	Origins        []string                    // allowed in CORS, as CheckOrigin takes them
	Limit          Limit                       // of all requests of a client address
	Observe        func(Answered)              // called after each request; may be nil, must be fast
}

// NewEngine returns an engine with the health routes only. Whatever it is asked, it answers in the envelope. It
// returns an error if a trusted proxy or an origin is invalid.
func NewEngine(cfg Config) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false // gin would redirect in HTML, before any middleware
	engine.HandleMethodNotAllowed = true
	if err := engine.SetTrustedProxies(nil); err != nil { // gin trusts all; forwarded.go finds the client instead
		return nil, err
	}
	proxies, err := newProxies(cfg.TrustedProxies, cfg.Log)
	if err != nil {
		return nil, err
	}
	engine.Use(logged(cfg, proxies), recovering, secured())
	mountHealth(engine, cfg.Ready) // before the limits, which must not fail a probe behind a busy address

	if len(cfg.Origins) > 0 {
		for _, origin := range cfg.Origins {
			if err := CheckOrigin(origin); err != nil {
				return nil, fmt.Errorf("origin %q: %w", origin, err)
			}
		}
		allow, answer := crossOrigin(cfg.Origins)
		engine.Use(allow, Limited("requests", cfg.Limit), answer)
	} else {
		engine.Use(Limited("requests", cfg.Limit))
	}
	engine.NoRoute(Handle(func(*gin.Context) error { return ErrNotFound }))
	engine.NoMethod(Handle(func(*gin.Context) error { return errMethodNotAllowed }))
	return engine, nil
}
