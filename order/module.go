package order

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

// Config holds what New needs.
type Config struct {
	DB        *database.DB
	Tokens    *auth.Tokens
	Expiry    time.Duration    // after which an order that stays created is cancelled; 0 is never
	StaffOnly bool             // only staff may create orders
	Now       func() time.Time // nil is time.Now
	Webhooks  Webhooks
}

// Module serves orders. It is safe for concurrent use.
type Module struct {
	handler handler
	tokens  *auth.Tokens
	expiry  time.Duration
}

// Tables returns the tables that a copy of the module's data consists of.
func Tables() []database.Table {
	return []database.Table{
		{Name: "orders", Columns: []string{
			"id", "user_id", "product", "price", "status", "created_at", "cancelled_at",
			"version", "created_by", "changed_at", "changed_by", "changed_as", "note", "metadata", "idempotency_key", "language",
		}, Identity: true},
		{Name: "order_events", Columns: []string{
			"id", "order_id", "version", "status", "role", "actor", "note", "at",
		}, Identity: true, Derived: true},
		{Name: "order_events_begin", Columns: []string{"last_order_id"}, Derived: true},
		{Name: "webhooks", Columns: []string{"id", "digest", "url", "position", "seen_at"}, Identity: true},
		{Name: "webhook_lanes", Columns: []string{
			"id", "webhook_id", "order_id", "version", "last_version", "event_at", "due_at", "lease", "attempts",
			"failing_since", "failed_at", "error",
		}, Identity: true},
	}
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
	lastWithoutEvents, err := readLastWithoutEvents(ctx, cfg.DB)
	if err != nil {
		return nil, err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	service := &service{store: &store{db: cfg.DB, lastWithoutEvents: lastWithoutEvents}, now: now}
	if service.webhooks, err = newWebhooks(ctx, service, cfg.Webhooks); err != nil {
		return nil, err
	}
	return &Module{handler: handler{service: service, staffOnly: cfg.StaffOnly}, tokens: cfg.Tokens, expiry: cfg.Expiry}, nil
}

// Mount adds the module's routes to g, for callers with a token alone.
func (m *Module) Mount(g *gin.RouterGroup) {
	h := m.handler
	g.Use(auth.Required(m.tokens))
	g.POST("/create", httpapi.Handle(h.create))
	httpapi.Get(g, "/list", httpapi.Handle(h.list))
	httpapi.Get(g, "/events", httpapi.Handle(h.feed)) // for staff, as are the next two
	httpapi.Get(g, "/webhooks", httpapi.Handle(h.listWebhooks))
	g.POST("/webhooks/retry", httpapi.Handle(h.retryWebhooks))
	for _, path := range []string{"", "/", "/:orderid"} { // without an id: a bad request, not an unknown route
		httpapi.Get(g, "/query"+path, httpapi.Handle(h.query))
		g.DELETE("/cancel"+path, httpapi.Handle(h.cancel))
		g.POST("/status"+path, httpapi.Handle(h.setStatus))
		httpapi.Get(g, "/history"+path, httpapi.Handle(h.history))
	}
}

// Jobs returns what the module does in the background. Every replica may run it.
func (m *Module) Jobs() []worker.Job {
	var jobs []worker.Job
	if m.expiry != 0 {
		jobs = append(jobs, m.handler.service.expiry(m.expiry))
	}
	return append(jobs, m.handler.service.webhooks.jobs()...)
}

// Webhooks returns what became of the events of each webhook, in the order of the configuration. It asks the database; if
// that fails, the result lacks what waits.
func (m *Module) Webhooks(ctx context.Context) ([]WebhookStats, error) {
	return m.handler.service.webhooks.stats(ctx)
}
