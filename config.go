package main

import (
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"userorder/database"
)

// Config is every setting of the program, read and checked.
type Config struct {
	Address          string // host:port
	Modules          []string
	UserDatabaseURL  string // empty: the module is not served
	OrderDatabaseURL string
	Secret           []byte // empty: keep one beside the SQLite file
	PreviousSecret   []byte
	TokenTTL         time.Duration
	HashConcurrency  int
	TrustedProxies   []string
	DrainDelay       time.Duration
	LogLevel         slog.Level
	LogJSON          bool
}

// loadConfig reads the settings. An error names every one that is wrong.
func loadConfig(getenv func(string) string) (Config, error) {
	s := &settings{getenv: getenv}
	cfg := Config{
		Address:         net.JoinHostPort(s.text("HOST", "0.0.0.0"), strconv.Itoa(s.integer("PORT", 5000, 0, 65535))),
		Modules:         s.someOf("MODULES", "user", "order"),
		TokenTTL:        s.duration("TOKEN_TTL", time.Hour, time.Second),
		HashConcurrency: s.integer("HASH_CONCURRENCY", max(1, runtime.GOMAXPROCS(0)-1), 1, 1024),
		TrustedProxies:  s.networks("TRUSTED_PROXIES"),
		DrainDelay:      s.duration("DRAIN_DELAY", time.Second, 0),
		LogJSON:         s.oneOf("LOG_FORMAT", "text", "json") == "json",
	}
	_ = cfg.LogLevel.UnmarshalText([]byte(s.oneOf("LOG_LEVEL", "info", "debug", "warn", "error")))
	s.oneOf("RATE_LIMIT", "on", "off")
	cfg.loadDatabases(s)
	cfg.loadSecrets(s)
	return cfg, s.err()
}

// serves reports whether this process serves a module.
func (c *Config) serves(module string) bool { return slices.Contains(c.Modules, module) }

func (c *Config) loadDatabases(s *settings) {
	shared := s.database("DATABASE_URL", "sqlite:data/app.db")
	users := s.database("USER_DATABASE_URL", shared)
	orders := s.database("ORDER_DATABASE_URL", shared)
	if c.serves("user") {
		c.UserDatabaseURL = users
	}
	if c.serves("order") {
		c.OrderDatabaseURL = orders
	}
}

func (c *Config) loadSecrets(s *settings) {
	c.Secret = s.key("JWT_SECRET")
	c.PreviousSecret = s.key("JWT_SECRET_PREVIOUS")
	if len(c.Secret) == 0 && c.secretPath() == "" {
		s.fault("JWT_SECRET", "must be set with PostgreSQL, where every instance needs the same one: openssl rand -base64 32")
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
