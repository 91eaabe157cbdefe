package order

import (
	"context"
	"embed"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

//go:embed migrations
var migrations embed.FS

// Config is what New needs.
type Config struct {
	DB     *database.DB
	Tokens *auth.Tokens
}

// Module is the orders of the service.
type Module struct {
	handler handler
	tokens  *auth.Tokens
}

// Tables is what the module keeps, as a copy to another database has to know it.
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
	service := &service{store: &store{db: cfg.DB}}
	return &Module{handler: handler{service: service}, tokens: cfg.Tokens}, nil
}

// Mount adds the module's routes to g.
func (m *Module) Mount(g *gin.RouterGroup) {
	g.Use(auth.Required(m.tokens))
	g.POST("/create", httpapi.Handle(m.handler.create))
	g.GET("/query/:orderid", httpapi.Handle(m.handler.query))
	g.DELETE("/cancel/:orderid", httpapi.Handle(m.handler.cancel))
	for _, path := range []string{"", "/"} { // without an id: a bad request, not a missing page
		g.GET("/query"+path, httpapi.Handle(m.handler.query))
		g.DELETE("/cancel"+path, httpapi.Handle(m.handler.cancel))
	}
}
