package database

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// errPassword is for URLs that may have been cut inside a password. It quotes nothing of them.
var errPassword = errors.New("is not a PostgreSQL URL like postgres://USER:PASSWORD@HOST:5432/DATABASE: " +
	"percent-encode the user and the password (@ is %40, / is %2F, # is %23, ? is %3F, & is %26, % is %25)")

// errNoServer is the remedy if no server answers.
var errNoServer = errors.New("check that the server runs, and that the URL leads to it")

// parsePostgres parses a PostgreSQL URL and sets what it leaves open.
func parsePostgres(raw string) (*pgxpool.Config, error) {
	if mayCutPassword(raw) || strayPercent.MatchString(raw) {
		return nil, errPassword
	}
	cfg, err := pgxpool.ParseConfig(raw)
	if err != nil {
		// The text begins with the URL. What follows names the part at fault, which may be part of a password.
		text := err.Error()
		if i := strings.LastIndex(text, "`: "); i >= 0 {
			text = text[i+len("`: "):]
		}
		if quotes(text, secretPart(raw)) {
			return nil, errPassword
		}
		return nil, fmt.Errorf("is not a PostgreSQL URL: %s", text)
	}
	server := cfg.ConnConfig
	// Sent at the start of a session, which outranks ALTER ROLE … SET, and which PgBouncer understands.
	server.RuntimeParams["client_encoding"] = "UTF8"
	addresses := hosts(server)
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

// mayCutPassword reports that an unescaped character in a password may have ended it too early, so that its rest would
// be taken, and shown, as a host, a database or a setting. As libpq does, pgx ends the password at the first @, unless
// a / precedes it.
func mayCutPassword(raw string) bool {
	_, rest, isURL := strings.Cut(raw, "://")
	if !isURL {
		return true
	}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, _, _ := strings.Cut(rest[:i], ":")
		if strings.Contains(user, "?") || strings.Contains(rest[:i], "password=") { // this @ is in the query
			return true
		}
		rest = rest[i+1:]
	}
	before, query, _ := strings.Cut(rest, "?")
	servers, _, _ := strings.Cut(before, "/")
	return strings.Contains(before, "@") || !serverList.MatchString(servers) || !isSettings(query)
}

// isSettings reports that a query has only names that settings have, and an @ only in values that may contain one.
func isSettings(query string) bool {
	for setting := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(setting, "=")
		switch {
		case setting == "":
		case !found, !settingName.MatchString(name), strings.Contains(value, "@") && !takesAt.MatchString(name):
			return false
		}
	}
	return true
}

var (
	serverList  = regexp.MustCompile(`^((\[[^]]*\]|[^][:]*)(:[0-9]{0,5})?(,|$))*$`)
	settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	takesAt     = regexp.MustCompile(`^(user|password|sslpassword|application_name|options)$`)

	// strayPercent matches a % that encodes nothing, which pgx would report without the remedy.
	strayPercent = regexp.MustCompile(`%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)`)
)

// secretPart returns the parts of a URL, as they stand there, that may belong to a password.
func secretPart(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	_, secret, _ := strings.Cut(rest[:max(0, strings.LastIndex(rest, "@"))], ":")
	if _, parameter, ok := strings.Cut(rest, "password="); ok {
		secret += "\n" + parameter
	}
	return secret
}

// quotes reports that text contains a part of secret.
func quotes(text, secret string) bool {
	const part = 3
	for i := range max(0, len(secret)-part+1) {
		if strings.Contains(text, secret[i:i+part]) {
			return true
		}
	}
	return secret != "" && len(secret) < part && strings.Contains(text, secret)
}

// explainRefusal says once why there is no connection, with the remedy if no server answers. The server's own reason
// comes before those of other attempts, such as the one with TLS that sslmode=prefer begins with.
func explainRefusal(raw string, err error) error {
	connecting, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		failures := strings.Join(attempts(connecting), "; ")
		return fmt.Errorf("%s: %w", failures, errNoServer)
	}
	const undefinedObject, invalidParameterValue = "42704", "22023"
	if (e.Code == undefinedObject || e.Code == invalidParameterValue) && strings.Contains(raw, "password=") {
		return fmt.Errorf("a setting in the URL is refused: %w", errPassword) // its name may be part of the password
	}
	reason := fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	others := slices.DeleteFunc(attempts(connecting), func(failure string) bool { return strings.Contains(failure, reason) })
	return errors.New(strings.Join(append([]string{reason}, others...), "; "))
}

// attempts returns the failures of the attempts to connect, each once: pgx connects to a host with TLS and without.
func attempts(err *pgconn.ConnectError) (failures []string) {
	for failure := range strings.Lines(err.Unwrap().Error()) {
		failure = strings.TrimSpace(failure)
		if !slices.ContainsFunc(failures, func(other string) bool { return strings.Contains(other, failure) }) {
			failures = append(failures, failure)
		}
	}
	return failures
}

// Redact returns a database URL that may be shown: user, hosts and database, but no password.
func Redact(raw string) string {
	if path, ok := SQLitePath(raw); ok {
		if hasOtherURL(path) {
			return "sqlite:…"
		}
		return raw
	}
	cfg, err := parsePostgres(raw)
	if err != nil {
		return "postgres://…"
	}
	server := cfg.ConnConfig
	return fmt.Sprintf("postgres://%s@%s/%s", server.User, strings.Join(hosts(server), ","), server.Database)
}
