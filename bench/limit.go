package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"userorder/bench/limits"
)

// limit is one of the limits in a process of its own, whose time on a core can be read from outside. Those that serve do so
// until ctx ends, the others print a limits.Count.
func limit(ctx context.Context, name string, args []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	port := flags.Int("port", 0, "where it listens")
	during := flags.Duration("for", time.Second, "how long")
	path := flags.String("file", "", "a file that is not there")
	appending := flags.Bool("append", false, "append instead of writing over")
	workers := flags.Int("workers", 1, "how many passwords at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch name {
	case "bare":
		return limits.Serve(ctx, *port, limits.Bare())
	case "gin":
		return limits.Serve(ctx, *port, limits.Gin([]byte(os.Getenv("JWT_SECRET"))))
	case "disk":
		count, err := limits.Flush(*path, *appending, *during)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(count)
	case "hash":
		return json.NewEncoder(os.Stdout).Encode(limits.Hash(*workers, *during))
	}
	return fmt.Errorf("no such command: %s", name)
}
