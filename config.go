package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
	"userorder/order"
	"userorder/settings"
	"userorder/user"
)

// Config holds every setting of the program, read and checked.
type Config struct {
	Listen          Listen
	OpsAddress      string // empty: metrics and profiles are off
	Traces          bool
	Modules         []string
	DatabaseURLs    map[string]string // by the name of the module, for those that are served
	SharedDatabase  string            // DATABASE_URL
	AccountsURL     string            // the database of the accounts, whether they are served or not
	WatchAccounts   bool              // AccountsURL is given although accounts are not served
	Database        database.Options
	Secret          []byte       // empty: keep one in SecretPath
	SecretPath      string       // beside the SQLite file; empty on PostgreSQL
	SecretFiles     []secretFile // of any setting, for the doctor
	PreviousSecret  []byte
	TokenTTL        time.Duration
	SessionTTL      time.Duration
	Mail            Mail
	Webhooks        Webhooks
	Backups         Backups
	OrderExpiry     time.Duration // 0: off
	StaffOrders     bool          // only staff may create orders
	Console         bool
	HashConcurrency int
	TrustedProxies  []netip.Prefix
	PublicURL       string // for the doctor; may be empty
	Origins         []string
	Limits          Limits
	MaxConnections  int
	IdleTimeout     time.Duration
	DrainDelay      time.Duration
	LogLevel        slog.Level
	LogJSON         bool
	NoColor         bool
	Misspelled      []settings.Misspelling
}

const (
	defaultDatabase = "sqlite:data/app.db"

	day = 24 * time.Hour
)

// Limits bound what one client address, or everybody who tries the password of one account, may ask for.
type Limits struct {
	Requests, Logins, Registrations httpapi.Limit
	Failures                        user.Throttle
	Connections                     int // open at once
}

// loadConfig reads the settings of a process that serves. Its error names every setting that is wrong. It stops waiting
// for files when ctx ends.
func loadConfig(ctx context.Context, environ []string) (Config, error) {
	s := settings.NewReader(ctx, environ)
	cfg := readConfig(s)
	cfg.require(s)
	cfg.Misspelled = s.Misspelled()
	if s.Err() != nil { // no start that would warn of them, and they may be what is wrong
		for _, misspelled := range cfg.Misspelled {
			s.Fault(misspelled.Name, "is not a setting: %s may be meant", misspelled.Meant)
		}
	}
	return cfg, s.Err()
}

// require makes it a fault that a process could not serve with the settings.
func (c *Config) require(s *settings.Reader) {
	c.requireSecret(s)
	c.requireBackups(s)
	c.requireFolder(s)
}

// readConfig reads the settings and leaves their faults in s.
func readConfig(s *settings.Reader) Config {
	cfg := Config{
		Listen:     readListen(s),
		OpsAddress: s.Address("OPS_ADDR", "metrics, profiles and probes, without a password, like 127.0.0.1:5001", checkHost),
		Modules:    s.SomeOf("MODULES", "which modules this process serves", moduleNames()...),
		TokenTTL:   s.Duration("TOKEN_TTL", time.Hour, time.Second, 366*day, "life of a token"),
		SessionTTL: s.Duration("SESSION_TTL", 30*day, time.Minute, 3660*day, "how long a session lasts after its login or last refresh"),
		HashConcurrency: s.Integer("HASH_CONCURRENCY", max(1, runtime.GOMAXPROCS(0)-1), 1, 1024,
			"how many passwords are hashed at once; each takes 19 MiB and a core"),
		TrustedProxies: settings.Values(s, "TRUSTED_PROXIES", "networks whose X-Forwarded-For counts, like 10.0.0.0/8", httpapi.ParseNetwork),
		PublicURL:      s.Redacted("PUBLIC_URL", "URL of the service for clients, where userorder doctor asks", showPublicURL),
		Origins:        settings.Values(s, "CORS_ORIGINS", "origins whose pages may use the service, like https://shop.example.com", httpapi.ParseOrigin),
		MaxConnections: s.Integer("MAX_CONNECTIONS", 10_000, 1, 1_000_000, "how many connections are open at once; more wait"),
		IdleTimeout: s.Duration("IDLE_TIMEOUT", 620*time.Second, time.Second, day,
			"how long a connection may be idle; longer than that of a proxy in front"),
		DrainDelay: s.Duration("DRAIN_DELAY", time.Second, 0, time.Hour, "how long it goes on serving after SIGTERM, with /readyz answering 503"),
	}
	readLogging(s, &cfg)
	cfg.Limits = readLimits(s)
	readDatabases(s, &cfg)
	readSecrets(s, &cfg)
	cfg.Backups = readBackups(s)
	cfg.Mail = readMail(s)
	cfg.Webhooks = readWebhooks(s)
	cfg.OrderExpiry = settings.Value(s, "ORDER_EXPIRY", "off", "after which time an order that nobody has paid is cancelled, like 48h", order.ParseExpiry)
	cfg.StaffOrders = s.OneOf("ORDER_CREATION", "who may create orders: anyone for themselves, or staff alone", "anyone", "staff") == "staff"
	cfg.Console = s.OneOf("CONSOLE", "the page /console for staff: on or off", "on", "off") == "on" && cfg.serves("user") // to log in
	cfg.Traces = readTracing(s)
	return cfg
}

func readLogging(s *settings.Reader, cfg *Config) {
	cfg.LogJSON = s.OneOf("LOG_FORMAT", "text, coloured on a terminal, or json", "text", "json") == "json"
	cfg.NoColor = s.Text("NO_COLOR", "", "any value turns colours off") != "" || // https://no-color.org
		s.Lookup("TERM") == "dumb"
	_ = cfg.LogLevel.UnmarshalText([]byte(s.OneOf("LOG_LEVEL", "debug, info, warn or error", "info", "debug", "warn", "error")))
}

func readLimits(s *settings.Reader) Limits {
	limited := s.OneOf("RATE_LIMIT", "off lifts all limits below", "on", "off") == "on"
	limit := func(name, fallback, meaning string) httpapi.Limit {
		return settings.Value(s, name, fallback, meaning, httpapi.ParseLimit)
	}
	limits := Limits{
		Requests:      limit("RATE_LIMIT_REQUESTS", "300/10s", "requests of one client address, COUNT/TIME or COUNT/TIME:BURST"),
		Logins:        limit("RATE_LIMIT_LOGINS", "20/1m:10", "attempts to log in from one client address"),
		Registrations: limit("RATE_LIMIT_REGISTRATIONS", "30/1h:10", "attempts to register from one client address"),
		Connections: s.Integer("MAX_CONNECTIONS_PER_CLIENT", 1000, 1, 1_000_000,
			"open connections of one client address; trusted proxies are exempt"),
		Failures: settings.Value(s, "LOGIN_FAILURES", "5/15m", "wrong passwords for one account before it is slowed down", user.ParseFailures),
	}
	limits.Failures.Delay = s.Duration("LOGIN_DELAY", time.Second, time.Millisecond, day,
		"how long an account with too many is refused; doubles each time")
	limits.Failures.MaxDelay = s.Duration("LOGIN_DELAY_MAX", 5*time.Minute, time.Millisecond, day, "the maximum of that")
	if limits.Failures.Check() != nil {
		s.Fault("LOGIN_DELAY_MAX", "is %s, which is less than LOGIN_DELAY", limits.Failures.MaxDelay)
	}
	if !limited {
		return Limits{}
	}
	return limits
}

func readDatabases(s *settings.Reader, cfg *Config) {
	cfg.Database = database.Options{
		PoolSize: s.Integer("DATABASE_POOL_SIZE", max(8, 4*runtime.GOMAXPROCS(0)), 1, 10_000,
			"connections to PostgreSQL of each process"),
		PoolLifetime: s.Duration("DATABASE_POOL_LIFETIME", 30*time.Minute, time.Second, 366*day, "how long each of them is used"),
		CheckOnly: s.OneOf("AUTO_MIGRATE", "false: the start changes no tables, userorder migrate does",
			"true", "false") == "false",
	}
	show := func(url string) (string, error) { return database.Redact(url), database.CheckURL(url) }
	shared := s.Secret("DATABASE_URL", "sqlite:PATH, or postgres://USER:PASSWORD@HOST:5432/DATABASE",
		settings.Fallback{Value: defaultDatabase}, show)
	cfg.SharedDatabase, cfg.DatabaseURLs = shared, map[string]string{}
	for _, name := range moduleNames() {
		url := s.Secret(databaseSetting(name), "a database of its own for the module "+name,
			settings.Fallback{Value: shared, Source: "DATABASE_URL"}, show)
		if cfg.serves(name) {
			cfg.DatabaseURLs[name] = sharedSpelling(url, cfg.DatabaseURLs)
		}
		if name == accountsModule {
			cfg.AccountsURL = url
			cfg.WatchAccounts = !cfg.serves(name) && s.Lookup("USER_DATABASE_URL")+s.Lookup("USER_DATABASE_URL_FILE") != ""
		}
	}
}

// databaseSetting names the setting for the database of a module alone.
func databaseSetting(module string) string { return strings.ToUpper(module) + "_DATABASE_URL" }

// sharedSpelling returns url as another module spells it, if that one names the same file.
func sharedSpelling(url string, others map[string]string) string {
	for _, other := range others {
		if database.SameFile(url, other) {
			return other
		}
	}
	return url
}

func readSecrets(s *settings.Reader, cfg *Config) {
	show := func(secret string) (string, error) { return settings.Masked, auth.CheckSecret([]byte(secret)) }
	cfg.Secret = []byte(s.Secret("JWT_SECRET", "signs tokens; made beside the SQLite file, required with PostgreSQL",
		settings.Fallback{}, show))
	cfg.PreviousSecret = []byte(s.Secret("JWT_SECRET_PREVIOUS", "a secret that still verifies tokens but signs no more",
		settings.Fallback{}, show))
	cfg.SecretPath = secretPath(cfg.databaseURLs())
}

// secretPath returns where a secret is kept that the settings do not give: beside the SQLite file of the first
// module. It is empty if a module is on PostgreSQL.
func secretPath(urls []string) string {
	path := ""
	for _, url := range urls {
		file, ok := database.SQLitePath(url)
		if !ok {
			return ""
		}
		if path == "" {
			path = filepath.Join(filepath.Dir(file), "jwt_secret")
		}
	}
	return path
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// requireSecret makes it a fault that there is nothing to sign tokens with.
func (c *Config) requireSecret(s *settings.Reader) {
	wrong := len(c.databaseURLs()) == 0 // MODULES is invalid, which is reported already
	if wrong || len(c.Secret) > 0 || c.SecretPath != "" {
		return
	}
	advice := "openssl rand -base64 32 makes one"
	if made := secretPath([]string{defaultDatabase}); isFile(made) { // moved from SQLite
		advice = "JWT_SECRET_FILE=" + made + " keeps everybody logged in"
	}
	s.Fault("JWT_SECRET", "must be set with PostgreSQL, where every instance needs the same one: %s", advice)
}

// readTracing reports whether traces are wanted. OpenTelemetry reads its settings itself, but ignores most of
// those that are wrong, so the ones that decide where traces go are checked here.
func readTracing(s *settings.Reader) bool {
	endpoint := s.Redacted("OTEL_EXPORTER_OTLP_ENDPOINT", "a collector of traces, like http://127.0.0.1:4318", showEndpoint)
	traces := s.Redacted("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same with its path, like http://127.0.0.1:4318/v1/traces", showEndpoint)
	disabled := s.OneOf("OTEL_SDK_DISABLED", "true: no traces", "false", "true") == "true"
	exporter := s.OneOf("OTEL_TRACES_EXPORTER", "none: no traces", "otlp", "none")
	protocol := "OTEL_EXPORTER_OTLP_PROTOCOL"
	if s.Lookup("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") != "" { // which takes precedence
		protocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	}
	wanted := (endpoint != "" || traces != "") && !disabled && exporter == "otlp"
	switch value := s.Text(protocol, "http/protobuf", "http/protobuf or http/json"); {
	case !wanted, value == "http/protobuf", value == "http/json":
	case value == "grpc":
		s.Fault(protocol, `is "grpc", which is not spoken here: set it to http/protobuf, and the endpoint to the collector's port for HTTP, usually 4318`)
	default:
		s.Fault(protocol, "is %q but must be one of: http/protobuf, http/json", value)
	}
	return wanted
}

// showPublicURL requires the URL of a host alone.
func showPublicURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("must be a URL without a path, like https://shop.example.com")
	}
	return text, nil
}

// showEndpoint hides a password in the URL of a collector.
func showEndpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("must be a URL like http://127.0.0.1:4318")
	}
	return u.Redacted(), nil
}
