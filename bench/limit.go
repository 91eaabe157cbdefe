package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"userorder/bench/limits"
	"userorder/bench/receiver"
)

// limit runs one of the limits, or the receiver of webhooks. bare, gin and receiver serve until ctx ends; disk and hash print
// a limits.Count. Each runs in a process of its own, so that its CPU time can be read from outside.
func limit(ctx context.Context, name string, args []string) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	port := flags.Int("port", 0, "port to listen on")
	during := flags.Duration("for", time.Second, "how long to measure")
	path := flags.String("file", "", "path of a file to create")
	appending := flags.Bool("append", false, "append instead of overwriting")
	workers := flags.Int("workers", 1, "number of concurrent hashes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch name {
	case "bare":
		return limits.Serve(ctx, *port, limits.Bare())
	case "gin":
		return limits.Serve(ctx, *port, limits.Gin([]byte(os.Getenv("JWT_SECRET"))))
	case "receiver":
		return receiver.Serve(ctx, *port)
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
