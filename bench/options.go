package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"userorder/bench/report"
)

// size is a number of stored orders.
type size struct {
	name   string // in the report
	id     string // in file and database names
	orders int
	flask  bool // whether Flask, which searches a list, is fast enough to be measured
}

// options says what to measure, and where to write the results.
type options struct {
	service string // source folder of the service
	dir     string // folder of the databases
	out     string // folder of the results
	quick   bool

	rounds         int
	warmup, during time.Duration // of one measurement
	hashing        time.Duration // of one measurement that hashes passwords, a few dozen a second
	sizes          []size
	growth         []size         // the sizes at which lists and creates are measured
	backlog        int            // events that wait until the webhook's receiver answers
	waiting        size           // the size of which all events wait for a webhook whose receiver is down
	only           *regexp.Regexp // selects measurements
}

var (
	small   = size{"1 thousand", "1k", 1_000, true}
	medium  = size{"100 thousand", "100k", 100_000, true}
	million = size{"1 million", "1m", 1_000_000, false}
	large   = size{"10 million", "10m", 10_000_000, false}
)

func parseOptions(args []string) (options, error) {
	o := options{
		rounds: 3, warmup: 200 * time.Millisecond, during: time.Second, hashing: 2 * time.Second,
		sizes:   []size{small, medium, million, large},
		backlog: 5_000,
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.service, "service", "..", "source folder of the service")
	flags.StringVar(&o.dir, "dir", scratch(), "folder of the databases, on the disk to measure")
	flags.StringVar(&o.out, "out", "", "folder of the results (results, or quick with -quick or -only)")
	flags.IntVar(&o.rounds, "rounds", o.rounds, "number of rounds")
	flags.BoolVar(&o.quick, "quick", false, "one short round with few orders, which shows that everything runs; its figures are rough")
	only := flags.String("only", "", "measure only what matches this regular expression, by the names in the progress (default all)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return options{}, fmt.Errorf("-only: %w", err)
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		return options{}, fmt.Errorf("expected only flags, and -rounds of at least 1: %q", args)
	}
	if o.quick {
		o.rounds, o.warmup, o.during, o.hashing = 1, 50*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
		o.sizes, o.backlog = o.sizes[:2], 1_000
	}
	o.waiting = o.sizes[min(2, len(o.sizes)-1)]
	o.growth = slices.DeleteFunc(slices.Clone(o.sizes), func(s size) bool { return s == medium && !o.quick })
	o.sizes = slices.DeleteFunc(o.sizes, func(s size) bool { return s != small && !o.asksFor(s) })
	if o.out == "" {
		o.out = map[bool]string{false: "results", true: "quick"}[o.quick || *only != ""]
	}
	return o, nil
}

// asksFor reports whether a measurement needs databases of a size.
func (o options) asksFor(s size) bool {
	return slices.ContainsFunc([]string{onSQLite, onPostgres, onFlask}, func(contender string) bool {
		if slices.Contains(o.growth, s) && (o.wants(contender, listOf(s), clients) || o.wants(contender, byManyAt(s), crowds[2])) {
			return true
		}
		return o.wants(contender, queryOf(s), clients)
	})
}

// wants reports whether a row is to be measured.
func (o options) wants(contender, work string, clients int) bool {
	return o.only.MatchString(report.Key{Contender: contender, Work: work, Clients: clients}.String())
}

// scratch returns a folder that is likely to be on a disk, unlike /tmp.
func scratch() string {
	const kept = "/var/tmp" // FHS: preserved between reboots
	if info, err := os.Stat(kept); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		return kept
	}
	return os.TempDir()
}
