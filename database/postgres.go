package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// maxRetries is how often a transaction that lost to another is run again.
const maxRetries = 3

// postgresServer is a PostgreSQL database behind pgx's pool.
type postgresServer struct {
	pool *pgxpool.Pool
	db   *sql.DB
}

func parsePostgres(raw string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(raw)
	if err != nil {
		// The text of a *url.Error, and pgx's own around it, may quote the URL with its password.
		cause := errors.Unwrap(err)
		if _, ok := errors.AsType[*url.Error](err); ok || cause == nil {
			return nil, errors.New("is not a PostgreSQL URL: postgres://USER:PASSWORD@HOST:5432/DATABASE")
		}
		return nil, fmt.Errorf("is not a PostgreSQL URL: %w", cause)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 3 * time.Second
	}
	return cfg, nil
}

func openPostgres(ctx context.Context, cfg *pgxpool.Config) (engine, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &postgresServer{pool: pool, db: stdlib.OpenDBFromPool(pool)}
	if err := p.ping(ctx); err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

func (p *postgresServer) runner() runner { return p.db }

func (p *postgresServer) observe(error) {}

func (p *postgresServer) ping(ctx context.Context) error { return p.pool.Ping(ctx) }

// write runs fn in a transaction, and again if PostgreSQL rolled it back in favour of another one.
func (p *postgresServer) write(ctx context.Context, fn func(*Tx) error) error {
	for retry := 1; ; retry++ {
		err := p.transact(ctx, fn)
		if !lostToAnother(err) || retry > maxRetries {
			return err
		}
		select {
		case <-time.After(time.Duration(retry) * rand.N(20*time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

func (p *postgresServer) transact(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := fn(&Tx{ctx: ctx, runner: tx}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	switch err := tx.Commit(); {
	case err == nil:
		return nil
	case lostToAnother(err):
		return classify(err)
	default:
		return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
	}
}

// lostToAnother reports a serialization failure or a deadlock: the server rolled the transaction back and
// asks for it to be run again (https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html).
func lostToAnother(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// migrate holds an advisory lock that belongs to the module and its schema, so that replicas that start
// together take turns.
func (p *postgresServer) migrate(ctx context.Context, module string, files fs.FS) error {
	var schema string
	if err := p.db.QueryRowContext(ctx, "SELECT coalesce(current_schema(), '')").Scan(&schema); err != nil {
		return err
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte("userorder migration of " + module + " in " + schema))
	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(id.Sum64())), //nolint:gosec // any 64 bits will do
		lock.WithLockTimeout(1, 60),        // look every second, give up after a minute
	)
	if err != nil {
		return err
	}
	return migrate(ctx, goose.DialectPostgres, p.db, module, files, goose.WithSessionLocker(locker))
}

func (p *postgresServer) close() error {
	err := p.db.Close()
	p.pool.Close()
	return err
}

// Redact returns a database URL that is fit to be shown: who, where and which database, but no password.
func Redact(raw string) string {
	if _, ok := SQLitePath(raw); ok {
		return raw
	}
	cfg, err := parsePostgres(raw)
	if err != nil {
		return "postgres://…"
	}
	server := cfg.ConnConfig
	var hosts []string
	add := func(host string, port uint16) {
		if address := fmt.Sprintf("%s:%d", host, port); !slices.Contains(hosts, address) {
			hosts = append(hosts, address)
		}
	}
	add(server.Host, server.Port)
	for _, fallback := range server.Fallbacks { // further hosts, and the same ones without TLS
		add(fallback.Host, fallback.Port)
	}
	return fmt.Sprintf("postgres://%s@%s/%s", server.User, strings.Join(hosts, ","), server.Database)
}
