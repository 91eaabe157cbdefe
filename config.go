package main

import (
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"userorder/database"
	"userorder/httpapi"
	"userorder/user"
)

// Config is every setting of the program, read and checked.
type Config struct {
	Address          string // host:port
	OpsAddress       string // empty: metrics and profiles are off
	Traces           bool
	Modules          []string
	UserDatabaseURL  string // empty: the module is not served
	OrderDatabaseURL string
	Database         database.Options
	Secret           []byte // empty: keep one beside the SQLite file
	PreviousSecret   []byte
	TokenTTL         time.Duration
	HashConcurrency  int
	TrustedProxies   []string
	Origins          []string
	Limits           Limits
	MaxConnections   int
	DrainDelay       time.Duration
	LogLevel         slog.Level
	LogJSON          bool
	NoColor          bool
}

// Limits is how much one client, or the many who try the password of one account, may ask for.
type Limits struct {
	Requests, Logins, Registrations httpapi.Limit
	Failures                        user.Throttle
}

// loadConfig reads the settings for serving. An error names every one that is wrong.
func loadConfig(getenv func(string) string) (Config, error) {
	s := &settings{getenv: getenv}
	cfg := readServing(s)
	return cfg, s.err()
}

// readServing is readConfig for a process that serves: it needs a secret.
func readServing(s *settings) Config {
	cfg := readConfig(s)
	served := cfg.UserDatabaseURL + cfg.OrderDatabaseURL // none if MODULES is wrong, which is fault enough
	if len(cfg.Secret) == 0 && served != "" && cfg.secretPath() == "" {
		s.fault("JWT_SECRET", "must be set with PostgreSQL, where every instance needs the same one: openssl rand -base64 32")
	}
	return cfg
}

// readConfig reads the settings, and leaves their faults in s.
func readConfig(s *settings) Config {
	cfg := Config{
		Address:         net.JoinHostPort(s.text("HOST", "0.0.0.0"), strconv.Itoa(s.integer("PORT", 5000, 0, 65535))),
		OpsAddress:      s.address("OPS_ADDR"),
		Modules:         s.someOf("MODULES", "user", "order"),
		TokenTTL:        s.duration("TOKEN_TTL", time.Hour, time.Second),
		HashConcurrency: s.integer("HASH_CONCURRENCY", max(1, runtime.GOMAXPROCS(0)-1), 1, 1024),
		TrustedProxies:  s.networks("TRUSTED_PROXIES"),
		Origins:         s.origins("CORS_ORIGINS"),
		MaxConnections:  s.integer("MAX_CONNECTIONS", 10_000, 1, 1_000_000),
		DrainDelay:      s.duration("DRAIN_DELAY", time.Second, 0),
		LogJSON:         s.oneOf("LOG_FORMAT", "text", "json") == "json",
		NoColor:         s.text("NO_COLOR", "") != "" || s.getenv("TERM") == "dumb", // https://no-color.org
	}
	_ = cfg.LogLevel.UnmarshalText([]byte(s.oneOf("LOG_LEVEL", "info", "debug", "warn", "error")))
	limited := s.oneOf("RATE_LIMIT", "on", "off") == "on"
	if limits := loadLimits(s); limited {
		cfg.Limits = limits
	}
	cfg.loadDatabases(s)
	cfg.Secret = s.key("JWT_SECRET")
	cfg.PreviousSecret = s.key("JWT_SECRET_PREVIOUS")
	cfg.Traces = loadTracing(s)
	return cfg
}

func loadLimits(s *settings) Limits {
	limits := Limits{
		Requests:      s.limit("RATE_LIMIT_REQUESTS", "300/10s"),
		Logins:        s.limit("RATE_LIMIT_LOGINS", "20/1m:10"),
		Registrations: s.limit("RATE_LIMIT_REGISTRATIONS", "30/1h:10"),
	}
	limits.Failures.Failures, limits.Failures.Window = s.failures("LOGIN_FAILURES", "5/15m")
	limits.Failures.Delay = s.duration("LOGIN_DELAY", time.Second, time.Millisecond)
	limits.Failures.MaxDelay = s.duration("LOGIN_DELAY_MAX", 5*time.Minute, time.Millisecond)
	if limits.Failures.MaxDelay < limits.Failures.Delay {
		s.fault("LOGIN_DELAY_MAX", "is %s, which is less than LOGIN_DELAY", limits.Failures.MaxDelay)
	}
	return limits
}

// loadTracing reports whether traces are wanted. OpenTelemetry reads its settings itself, but says little of a wrong
// one and goes on with another, so those that decide where traces go are checked here.
func loadTracing(s *settings) bool {
	endpoint := s.endpoint("OTEL_EXPORTER_OTLP_ENDPOINT")
	traces := s.endpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	disabled := s.oneOf("OTEL_SDK_DISABLED", "false", "true") == "true"
	exporter := s.oneOf("OTEL_TRACES_EXPORTER", "otlp", "none")
	protocol := "OTEL_EXPORTER_OTLP_PROTOCOL"
	if s.getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") != "" { // which comes before it
		protocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	}
	s.oneOf(protocol, "http/protobuf", "http/json")
	return (endpoint != "" || traces != "") && !disabled && exporter == "otlp"
}

// serves reports whether this process serves a module.
func (c *Config) serves(module string) bool { return slices.Contains(c.Modules, module) }

// modulesOn names the modules that are served from the database at url.
func (c *Config) modulesOn(url string) string {
	var names []string
	for _, m := range c.tables() {
		if m.databaseURL == url {
			names = append(names, m.module)
		}
	}
	return strings.Join(names, ",")
}

func (c *Config) loadDatabases(s *settings) {
	c.Database = database.Options{
		PoolSize:     s.integer("DATABASE_POOL_SIZE", max(8, 4*runtime.GOMAXPROCS(0)), 1, 10_000),
		PoolLifetime: s.duration("DATABASE_POOL_LIFETIME", 30*time.Minute, time.Second),
		CheckOnly:    s.oneOf("AUTO_MIGRATE", "true", "false") == "false",
	}
	shared := s.database("DATABASE_URL", "sqlite:data/app.db", fromDefault)
	users := s.database("USER_DATABASE_URL", shared, "DATABASE_URL")
	orders := s.database("ORDER_DATABASE_URL", shared, "DATABASE_URL")
	if database.SameFile(users, orders) { // in other words, perhaps
		orders = users
	}
	if c.serves("user") {
		c.UserDatabaseURL = users
	}
	if c.serves("order") {
		c.OrderDatabaseURL = orders
	}
}

// secretPath is where a secret is kept that the settings do not give: beside the SQLite file of the first
// module. It is empty if a module is on PostgreSQL.
func (c *Config) secretPath() string {
	path := ""
	for _, url := range []string{c.OrderDatabaseURL, c.UserDatabaseURL} {
		switch file, ok := database.SQLitePath(url); {
		case ok:
			path = filepath.Join(filepath.Dir(file), "jwt_secret")
		case url != "":
			return ""
		}
	}
	return path
}
