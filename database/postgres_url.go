package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds the time to connect to one host. allHostsTimeout bounds that for all hosts together, and
	// leaves some of a caller's time for its statements.
	connectTimeout  = 3 * time.Second
	allHostsTimeout = 4 * time.Second
)

// parsePostgres parses a PostgreSQL URL and sets what it leaves open.
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
	server := cfg.ConnConfig
	addresses := hosts(server)
	if slices.ContainsFunc(addresses, func(address string) bool { return strings.Contains(address, "@") }) {
		// The part after the first @ would be shown as a host, although it belongs to the password.
		return nil, errors.New("is not a PostgreSQL URL: an @ in a password is written %40")
	}
	most := min(connectTimeout, allHostsTimeout/time.Duration(len(addresses)))
	if server.ConnectTimeout == 0 || server.ConnectTimeout > most {
		server.ConnectTimeout = most
	}
	if !ownTarget.MatchString(raw) && len(addresses) > 1 {
		// Of a primary and its standbys only one takes writes, and not always the same one.
		server.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	giveUpSilentServers(cfg)
	return cfg, nil
}

// giveUpSilentServers keeps a server that no longer answers from occupying the pool: pgx would ask it to cancel the
// statements under way and wait for up to 15 seconds.
func giveUpSilentServers(cfg *pgxpool.Config) {
	server := cfg.ConnConfig
	dial, limit := server.DialFunc, server.ConnectTimeout
	server.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn, conn.SetDeadline(time.Now().Add(limit)) // for the handshake, or for a whole cancel request
	}
	server.AfterConnect = func(_ context.Context, conn *pgconn.PgConn) error { return conn.Conn().SetDeadline(time.Time{}) }
	cfg.PingTimeout = time.Second
	cfg.BeforeClose = func(conn *pgx.Conn) {
		if conn.IsClosed() { // broken already: skip the farewell
			_ = conn.PgConn().Conn().Close()
		}
	}
}

// hosts returns the addresses that pgx may connect to, in their order.
func hosts(server *pgx.ConnConfig) (addresses []string) {
	add := func(host string, port uint16) {
		if address := fmt.Sprintf("%s:%d", host, port); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	add(server.Host, server.Port)
	for _, fallback := range server.Fallbacks { // further hosts, and the same hosts without TLS
		add(fallback.Host, fallback.Port)
	}
	return addresses
}

// These match settings that a URL makes itself, as pgx and pgxpool read it.
var (
	ownPoolSize = regexp.MustCompile(`[?&]pool_max_conns=`)
	ownTarget   = regexp.MustCompile(`[?&]target_session_attrs=`)
	anyTarget   = regexp.MustCompile(`[?&]target_session_attrs=(any|read-only|standby|prefer-standby)(&|$)`)
)

// Redact returns a database URL that may be shown: user, hosts and database, but no password.
func Redact(raw string) string {
	if _, ok := SQLitePath(raw); ok {
		return raw
	}
	cfg, err := parsePostgres(raw)
	if err != nil {
		return "postgres://…"
	}
	server := cfg.ConnConfig
	return fmt.Sprintf("postgres://%s@%s/%s", server.User, strings.Join(hosts(server), ","), server.Database)
}
