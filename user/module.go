package user

import (
	"context"
	"embed"
	"errors"
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
	Ended           *auth.Ended // learns at once which sessions end; may be nil
	SessionTTL      time.Duration
	HashConcurrency int              // passwords hashed at once, at least 1
	Now             func() time.Time // nil is time.Now

	Registrations, Logins httpapi.Limit // by client address; if Logins is zero, one address may fill the hashing queue
	Throttle              Throttle      // by account

	// Mail queues a mail and returns at once, false if the queue is full. Nil means that there is no mail server. ResetURL
	// is the address of the page that sets a new password, with {token}.
	Mail     func(WriteMail) bool
	ResetURL string
}

// Module serves accounts. It is safe for concurrent use.
type Module struct {
	handler               handler
	tokens                *auth.Tokens
	hasher                *hasher
	throttle              *throttle
	registrations, logins httpapi.Limit
}

// Tables returns the tables that a copy of the module's data consists of, with those of its sessions.
func Tables() []database.Table {
	eventColumns := []string{"id", "type", "subject", "actor", "address", "at"}
	return append([]database.Table{
		{Name: "users", Columns: []string{
			"id", "username", "username_key", "email", "password_hash", "created_at", "role", "disabled_at",
		}, Identity: true},
		{Name: "login_failures", Columns: []string{"name_hash", "failures", "failed_at", "delay"}},
		{Name: "login_addresses", Columns: []string{"address_hash", "user_id", "logged_in_at"}},
		{Name: "password_resets", Columns: []string{"token_hash", "user_id", "created_at", "expires_at"}},
		{Name: "user_events", Columns: eventColumns, Identity: true},
	}, auth.Tables()...)
}

// Migrate brings the module's tables up to date, and those of its sessions.
func Migrate(ctx context.Context, db *database.DB) error {
	return errors.Join(db.Migrate(ctx, "user", migrations, database.Step{Version: 6, Do: rekey}), auth.Migrate(ctx, db))
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
	sessions := auth.NewSessions(auth.SessionConfig{
		DB: cfg.DB, TTL: cfg.SessionTTL, TokenTTL: cfg.Tokens.TTL(), Ended: cfg.Ended, Now: now,
	})
	store, hasher := &store{db: cfg.DB, sessions: sessions}, newHasher(cfg.HashConcurrency, cfg.Logins != httpapi.Limit{})
	throttle := &throttle{Throttle: cfg.Throttle, store: store, now: now}
	service := &service{
		store: store, hasher: hasher, throttle: throttle, tokens: cfg.Tokens, mail: cfg.Mail, resetURL: cfg.ResetURL, now: now,
	}
	return &Module{
		handler: handler{service: service}, tokens: cfg.Tokens, hasher: hasher, throttle: throttle,
		registrations: cfg.Registrations, logins: cfg.Logins,
	}, nil
}

// Mount adds the module's routes to g.
func (m *Module) Mount(g *gin.RouterGroup) {
	h, logins := m.handler, httpapi.Limited("logins", m.logins) // a forgotten password counts as a login
	g.POST("/register", httpapi.Limited("registrations", m.registrations), httpapi.Handle(h.register))
	g.POST("/login", logins, httpapi.Handle(h.login))
	g.POST("/refresh", httpapi.Handle(h.refresh))
	g.POST("/password/forgot", logins, httpapi.Handle(h.forgot))
	g.POST("/password/reset", httpapi.Handle(h.reset))

	own := g.Group("", auth.Required(m.tokens))
	httpapi.Get(own, "/info", httpapi.Handle(h.info))
	own.POST("/logout", httpapi.Handle(h.logout))
	httpapi.Get(own, "/sessions", httpapi.Handle(h.sessions))
	for _, path := range []string{"/sessions/", "/sessions/:id"} { // without an id: a bad request, not an unknown route
		own.DELETE(path, httpapi.Handle(h.endSession))
	}
	own.POST("/password", httpapi.Handle(h.changePassword))
	own.POST("/email", httpapi.Handle(h.changeEmail))
	httpapi.Get(own, "/export", httpapi.Handle(h.export))
	own.DELETE("/account", httpapi.Handle(h.erase))

	// For staff; each handler checks that.
	httpapi.Get(own, "/list", httpapi.Handle(h.list))
	for _, path := range []string{"/update", "/update/", "/update/:userid"} {
		own.POST(path, httpapi.Handle(h.update))
	}
}

// eventLife is how long events of accounts are kept.
const eventLife = 90 * 24 * time.Hour

// Jobs returns what the module does in the background. Every replica may run it.
func (m *Module) Jobs() []worker.Job {
	store, now := m.throttle.store, m.throttle.now
	sweep := func(statement string, life time.Duration) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) { return store.sweep(ctx, statement, now().Add(-life)) }
	}
	sweepEvents := func(ctx context.Context) (bool, error) { return events.Sweep(ctx, store.db, now().Add(-eventLife)) }
	return []worker.Job{
		{Name: "sessions", Every: time.Minute, Do: store.sessions.Sweep},
		{Name: "user_events", Every: time.Hour, Do: sweepEvents},
		{Name: "login_addresses", Every: time.Hour, Do: sweep(sweepAddresses, knownFor)},
		{Name: "password_resets", Every: time.Hour, Do: sweep(sweepResets, resetWindow)},
		{Name: "login_failures", Every: time.Minute, Do: m.throttle.sweep},
	}
}

// Hashing returns how many passwords are being hashed and how many wait for that.
func (m *Module) Hashing() (running, queued int) {
	return m.hasher.load()
}
