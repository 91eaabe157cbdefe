package user

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

// Config is what New needs.
type Config struct {
	DB              *database.DB
	Tokens          *auth.Tokens
	HashConcurrency int // how many passwords are hashed at once, at least 1

	Registrations, Logins httpapi.Limit // by client address
	Throttle              Throttle      // by account
}

// Module is the accounts of the service.
type Module struct {
	handler               handler
	tokens                *auth.Tokens
	registrations, logins httpapi.Limit
}

// Tables is what the module keeps, as a copy to another database has to know it.
func Tables() []database.Table {
	return []database.Table{
		{Name: "users", Columns: []string{"id", "username", "username_key", "email", "password_hash", "created_at"}, Identity: true},
		{Name: "login_failures", Columns: []string{"name_hash", "failures", "failed_at", "delay"}},
	}
}

// Migrate brings the module's tables up to date.
func Migrate(ctx context.Context, db *database.DB) error {
	return db.Migrate(ctx, "user", migrations)
}

// New brings the module's tables up to date and returns the module.
func New(ctx context.Context, cfg Config) (*Module, error) {
	if err := Migrate(ctx, cfg.DB); err != nil {
		return nil, err
	}
	store := &store{db: cfg.DB}
	service := &service{
		store: store, hasher: newHasher(cfg.HashConcurrency), tokens: cfg.Tokens,
		throttle: &throttle{Throttle: cfg.Throttle, store: store, now: time.Now},
	}
	return &Module{
		handler: handler{service: service}, tokens: cfg.Tokens,
		registrations: cfg.Registrations, logins: cfg.Logins,
	}, nil
}

// Hashing is how many passwords are hashed at this moment, and how many wait for it.
func (m *Module) Hashing() (running, queued int) {
	return m.handler.service.hasher.load()
}

// Mount adds the module's routes to g.
func (m *Module) Mount(g *gin.RouterGroup) {
	g.POST("/register", httpapi.Limited("registrations", m.registrations), httpapi.Handle(m.handler.register))
	g.POST("/login", httpapi.Limited("logins", m.logins), httpapi.Handle(m.handler.login))
	g.GET("/info", auth.Required(m.tokens), httpapi.Handle(m.handler.info))
}
