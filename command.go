package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"userorder/database"
)

// errUsage is what an error about the command line wraps.
var errUsage = errors.New("usage: userorder [serve], or userorder backup FILE; settings come from the environment, see README.md")

// run is the program. It serves until ctx ends, or does what args ask for. An error that wraps errSettings is
// about the settings, one that wraps errUsage about args.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var command func(context.Context, Config, io.Writer) error
	switch {
	case len(args) == 0, len(args) == 1 && args[0] == "serve":
		command = serve
	case len(args) == 2 && args[0] == "backup":
		command = func(ctx context.Context, cfg Config, stdout io.Writer) error {
			return backup(ctx, cfg, args[1], stdout)
		}
	default:
		return fmt.Errorf("%w (got %q)", errUsage, args)
	}
	cfg, err := loadConfig(getenv)
	if err != nil {
		return err
	}
	return command(ctx, cfg, stdout)
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
