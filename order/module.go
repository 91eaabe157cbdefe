package order

import (
	"context"
	"embed"
	"time"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

//go:embed migrations
var migrations embed.FS

// Config holds what New needs.
type Config struct {
	DB     *database.DB
	Tokens *auth.Tokens
	Now    func() time.Time // nil is time.Now
}

// Module serves orders. It is safe for concurrent use.
type Module struct {
	handler handler
	tokens  *auth.Tokens
}

// Tables returns the tables that a copy of the module's data consists of.
func Tables() []database.Table {
	return []database.Table{{
		Name:     "orders",
		Columns:  []string{"id", "user_id", "product", "price", "status", "created_at", "cancelled_at"},
		Identity: true,
	}}
}

// Migrate brings the module's tables up to date.
func Migrate(ctx context.Context, db *database.DB) error {
	return db.Migrate(ctx, "order", migrations)
}

// New brings the module's tables up to date and returns the module.
func New(ctx context.Context, cfg Config) (*Module, error) {
	if err := Migrate(ctx, cfg.DB); err != nil {
		return nil, err
	}
	if err := cfg.DB.RequireNewKeys(ctx, Tables()); err != nil {
		return nil, err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	service := &service{store: &store{db: cfg.DB}, now: now}
	return &Module{handler: handler{service: service}, tokens: cfg.Tokens}, nil
}

// Mount adds the module's routes to g, for callers with a token alone.
func (m *Module) Mount(g *gin.RouterGroup) {
	g.Use(auth.Required(m.tokens))
	g.POST("/create", httpapi.Handle(m.handler.create))
	httpapi.Get(g, "/query/:orderid", httpapi.Handle(m.handler.query))
	g.DELETE("/cancel/:orderid", httpapi.Handle(m.handler.cancel))
	for _, path := range []string{"", "/"} { // without an id: a bad request, not an unknown route
		httpapi.Get(g, "/query"+path, httpapi.Handle(m.handler.query))
		g.DELETE("/cancel"+path, httpapi.Handle(m.handler.cancel))
	}
}
