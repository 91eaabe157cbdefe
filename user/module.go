package user

import (
	"context"
	"embed"
	"io/fs"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

//go:embed migrations
var migrations embed.FS

// Config is what New needs.
type Config struct {
	DB              *database.DB
	Tokens          *auth.Tokens
	HashConcurrency int // how many passwords are hashed at once, at least 1
}

// Module is the accounts of the service.
type Module struct {
	handler handler
	tokens  *auth.Tokens
}

// New brings the module's tables up to date and returns the module.
func New(ctx context.Context, cfg Config) (*Module, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := cfg.DB.Migrate(ctx, "user", files); err != nil {
		return nil, err
	}
	service := &service{store: &store{db: cfg.DB}, hasher: newHasher(cfg.HashConcurrency), tokens: cfg.Tokens}
	return &Module{handler: handler{service: service}, tokens: cfg.Tokens}, nil
}

// Mount adds the module's routes to g.
func (m *Module) Mount(g *gin.RouterGroup) {
	g.POST("/register", httpapi.Handle(m.handler.register))
	g.POST("/login", httpapi.Handle(m.handler.login))
	g.GET("/info", auth.Required(m.tokens), httpapi.Handle(m.handler.info))
}
