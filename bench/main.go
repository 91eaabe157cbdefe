// Bench measures the service, a Flask app as a well-known tutorial has it, and the limits of the machine side by side.
// README.md says what is measured and how to read it.
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
	// What catches a signal is never given back: a second one must not end this before its files are removed.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil:
		return
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case ctx.Err() != nil:
		err = errors.New("interrupted, and all that was started is ended")
	}
	_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run is the benchmark, or one of the limits, which it starts as processes of their own.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		return limit(ctx, args[0], args[1:])
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	// The clients share the machine with what they measure. They get half of its cores, so that they never take all of
	// them; what is started does not inherit that.
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	return benchmark(ctx, o, newProgress(os.Stderr))
}
