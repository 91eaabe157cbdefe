package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"userorder/database"
)

// command is one that the program knows.
type command struct {
	name, operands, about string
	takes                 int // how many operands, or -1 if run looks itself
	run                   func(ctx context.Context, in invocation) error
}

// invocation is what a command is given.
type invocation struct {
	operands []string
	getenv   func(string) string
	stdout   io.Writer
}

// commands is a function because help lists them all, itself among them.
func commands() []command {
	return []command{
		{"serve", "", "serve until SIGTERM or SIGINT; what is done without a command", 0, func(ctx context.Context, in invocation) error {
			cfg, err := loadConfig(in.getenv)
			if err != nil {
				return err
			}
			return serve(ctx, cfg, in.stdout)
		}},
		{"migrate", "", "bring the tables up to date, for those who set AUTO_MIGRATE=false", 0, configured(migrate)},
		{"migrate-data", "--from URL --to URL", "copy everything from one database to another, such as from SQLite to PostgreSQL", -1, configured(migrateData)},
		{"backup", "FILE", "copy the SQLite database to FILE, while the service goes on", 1, configured(backup)},
		{"healthcheck", "", "ask the service on this machine whether it is alive", 0, configured(healthcheck)},
		{"config", "", "show the settings as they are, and where each comes from", 0, showConfig},
		{"version", "", "show what this program was built from", 0, func(_ context.Context, in invocation) error {
			_, err := fmt.Fprintln(in.stdout, readBuild())
			return err
		}},
		{"help", "", "show this, and all settings", 0, help},
	}
}

// configured reads the settings for a command that works with them.
func configured(work func(ctx context.Context, cfg Config, in invocation) error) func(context.Context, invocation) error {
	return func(ctx context.Context, in invocation) error {
		s := &settings{getenv: in.getenv}
		cfg := readConfig(s)
		if err := s.err(); err != nil {
			return err
		}
		return work(ctx, cfg, in)
	}
}

// errUsage is what an error about the command line wraps.
var errUsage = errors.New("usage: userorder [command]")

// run is the program. It serves until ctx ends, or does what args ask for. An error that wraps errSettings is
// about the settings, one that wraps errUsage about args.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	switch {
	case len(args) == 0:
		args = []string{"serve"}
	case slices.ContainsFunc(args, func(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }):
		args = []string{"help"}
	}
	err := errUsage
	for _, c := range commands() {
		if c.name == args[0] && (c.takes < 0 || c.takes == len(args)-1) {
			err = c.run(ctx, invocation{args[1:], getenv, stdout})
		}
	}
	if errors.Is(err, errUsage) {
		return fmt.Errorf("%w\n\n%s\nSettings come from the environment: userorder help lists them", err, commandTable())
	}
	return err
}

// backup copies the database to a file, while the service may go on.
func backup(ctx context.Context, cfg Config, in invocation) error {
	url, path := cfg.UserDatabaseURL, in.operands[0]
	switch {
	case url == "":
		url = cfg.OrderDatabaseURL
	case cfg.OrderDatabaseURL != "" && cfg.OrderDatabaseURL != url:
		return fmt.Errorf("%w: the modules have databases of their own: set MODULES to one of them at a time", errSettings)
	}
	if err := database.Backup(ctx, url, path); err != nil {
		return err
	}
	_, err := fmt.Fprintf(in.stdout, "%s is a copy of %s, checked and on the disk.\n", path, url)
	return err
}

// healthcheck returns an error unless the service on this machine is alive.
func healthcheck(ctx context.Context, cfg Config, _ invocation) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := "http://" + reachable(cfg.Address) + "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{}} // and no proxy of the environment
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, strings.ToLower(response.Status))
	}
	return nil
}

// reachable is where this machine reaches a service that listens on address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return address
}
