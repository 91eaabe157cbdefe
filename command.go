package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"userorder/database"
)

const usage = `usage: userorder [command]

  serve                                serve until SIGTERM or SIGINT; what is done without a command
  migrate                              bring the tables up to date, for those who set AUTO_MIGRATE=false
  migrate-data --from URL --to URL     copy everything from one database to another, such as from SQLite to PostgreSQL
  backup FILE                          copy the SQLite database to FILE, while the service goes on
  healthcheck                          ask the service on this machine whether it is alive

Settings come from the environment, and README.md lists them`

// errUsage is what an error about the command line wraps.
var errUsage = errors.New(usage)

// run is the program. It serves until ctx ends, or does what args ask for. An error that wraps errSettings is
// about the settings, one that wraps errUsage about args.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	name, args := args[0], args[1:]
	s := &settings{getenv: getenv}
	cfg := readConfig(s)
	switch {
	case name == "serve" && len(args) == 0:
		cfg, err := loadConfig(getenv)
		if err != nil {
			return err
		}
		return serve(ctx, cfg, stdout)
	case s.err() != nil:
		return s.err()
	case name == "migrate" && len(args) == 0:
		return migrate(ctx, cfg, stdout)
	case name == "migrate-data":
		return migrateData(ctx, cfg, args, stdout)
	case name == "backup" && len(args) == 1:
		return backup(ctx, cfg, args[0], stdout)
	case name == "healthcheck" && len(args) == 0:
		return healthcheck(ctx, cfg)
	}
	return errUsage
}

// backup copies the database to a file, while the service may go on.
func backup(ctx context.Context, cfg Config, path string, stdout io.Writer) error {
	url := cfg.UserDatabaseURL
	switch {
	case url == "":
		url = cfg.OrderDatabaseURL
	case cfg.OrderDatabaseURL != "" && cfg.OrderDatabaseURL != url:
		return fmt.Errorf("%w: the modules have databases of their own: set MODULES to one of them at a time", errSettings)
	}
	if err := database.Backup(ctx, url, path); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "%s is a copy of %s, checked and on the disk.\n", path, url)
	return err
}

// healthcheck returns an error unless the service on this machine is alive.
func healthcheck(ctx context.Context, cfg Config) error {
	host, port, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, strings.ToLower(response.Status))
	}
	return nil
}
