// Bench measures the service, the Flask app of the tutorial, PocketBase, and the limits of the machine side by side.
// README.md explains what it measures and how to read the results.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	// The signal handler stays installed: a second signal must not end the program before its files are removed.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil:
		return
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case ctx.Err() != nil:
		err = errors.New("interrupted; all processes are stopped")
	}
	_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run runs the benchmark, or what args name: the soak, or a limit or the receiver, which the benchmark starts as processes.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "soak" {
		return soakFor(ctx, args[1:])
	}
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		return limit(ctx, args[0], args[1:])
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	// The clients share the machine with the servers that they measure, so they use at most half of the cores. Child
	// processes do not inherit this.
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	return benchmark(ctx, o, newProgress(os.Stderr))
}
