package user

import (
	"context"
	"embed"
	"time"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
	"userorder/worker"
)

//go:embed migrations
var migrations embed.FS

// Config holds what New needs. The zero value of a limit or of the throttle has no bound.
type Config struct {
	DB              *database.DB
	Tokens          *auth.Tokens
	HashConcurrency int              // passwords hashed at once, at least 1
	Now             func() time.Time // nil is time.Now

	Registrations, Logins httpapi.Limit // by client address; if Logins is zero, one address may fill the hashing queue
	Throttle              Throttle      // by account
}

// Module serves accounts. It is safe for concurrent use.
type Module struct {
	handler               handler
	tokens                *auth.Tokens
	hasher                *hasher
	throttle              *throttle
	registrations, logins httpapi.Limit
}

// Tables returns the tables that a copy of the module's data consists of.
func Tables() []database.Table {
	return []database.Table{
		{Name: "users", Columns: []string{"id", "username", "username_key", "email", "password_hash", "created_at"}, Identity: true},
		{Name: "login_failures", Columns: []string{"name_hash", "failures", "failed_at", "delay"}},
	}
}

// Migrate brings the module's tables up to date.
func Migrate(ctx context.Context, db *database.DB) error {
	return db.Migrate(ctx, "user", migrations, database.Step{Version: 6, Do: rekey})
}

// New brings the module's tables up to date and returns the module. It fails if the throttle of cfg does not pass Check.
func New(ctx context.Context, cfg Config) (*Module, error) {
	if err := cfg.Throttle.Check(); err != nil {
		return nil, err
	}
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
	store, hasher := &store{db: cfg.DB}, newHasher(cfg.HashConcurrency, cfg.Logins != httpapi.Limit{})
	throttle := &throttle{Throttle: cfg.Throttle, store: store, now: now}
	service := &service{store: store, hasher: hasher, throttle: throttle, tokens: cfg.Tokens, now: now}
	return &Module{
		handler: handler{service: service}, tokens: cfg.Tokens, hasher: hasher, throttle: throttle,
		registrations: cfg.Registrations, logins: cfg.Logins,
	}, nil
}

// Mount adds the module's routes to g.
func (m *Module) Mount(g *gin.RouterGroup) {
	g.POST("/register", httpapi.Limited("registrations", m.registrations), httpapi.Handle(m.handler.register))
	g.POST("/login", httpapi.Limited("logins", m.logins), httpapi.Handle(m.handler.login))
	httpapi.Get(g, "/info", auth.Required(m.tokens), httpapi.Handle(m.handler.info))
}

// Jobs returns what the module does in the background. Every replica may run it.
func (m *Module) Jobs() []worker.Job {
	if !m.throttle.on() {
		return nil
	}
	return []worker.Job{{Name: "login_failures", Every: time.Minute, Do: m.throttle.sweep}}
}

// Hashing returns how many passwords are being hashed and how many wait for that.
func (m *Module) Hashing() (running, queued int) {
	return m.hasher.load()
}
