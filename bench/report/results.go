// Package report turns measurements into a Markdown page and a picture.
package report

import (
	"fmt"
	"slices"
	"time"

	"userorder/bench/contender"
	"userorder/bench/process"
)

// Key identifies a row.
type Key struct {
	Contender, Work string
	Clients         int
}

func (k Key) String() string {
	return fmt.Sprintf("%s, %d at once, %s", k.Work, k.Clients, k.Contender)
}

// Sample is the outcome of one measurement. Figures that do not apply are 0.
type Sample struct {
	Rate           float64 // per second
	P50, P99, P999 time.Duration
	Requests       int
	CPU            time.Duration  // CPU time of the server per request
	Client         time.Duration  // CPU time of the client per request
	Memory         process.Memory // of the server
}

// Row holds the samples of one key, one per round.
type Row struct {
	Key
	Samples []Sample
}

// Results holds all rows, in the order in which they were first measured.
type Results struct {
	Rows         []*Row
	First, Again []contender.Startup // with an empty folder, and with an existing file
}

// Add adds a sample to the row of key.
func (r *Results) Add(key Key, sample Sample) {
	row := r.Row(key)
	if row == nil {
		row = &Row{Key: key}
		r.Rows = append(r.Rows, row)
	}
	row.Samples = append(row.Samples, sample)
}

// AddStart adds the two starts of a round.
func (r *Results) AddStart(first, again contender.Startup) {
	r.First, r.Again = append(r.First, first), append(r.Again, again)
}

// Row returns the row of key, or nil if it was not measured.
func (r *Results) Row(key Key) *Row {
	for _, row := range r.Rows {
		if row.Key == key {
			return row
		}
	}
	return nil
}

// Measure selects a figure of a sample.
type Measure func(Sample) float64

// The figures that targets compare.
var (
	Rate     Measure = func(s Sample) float64 { return s.Rate }
	CPU      Measure = func(s Sample) float64 { return float64(s.CPU) }
	Resident Measure = func(s Sample) float64 { return float64(s.Memory.Resident) }
	Private  Measure = func(s Sample) float64 { return float64(s.Memory.Private) }
	Peak     Measure = func(s Sample) float64 { return float64(s.Memory.Peak) }
)

// Median returns the median of a figure over all rounds.
func (r *Row) Median(of Measure) float64 { return SpreadOf(values(r.Samples, of)).Median }

// Spread summarizes a figure over all rounds.
type Spread struct{ Median, Min, Max float64 }

// Spread returns the spread of a figure over all rounds.
func (r *Row) Spread(of Measure) Spread { return SpreadOf(values(r.Samples, of)) }

// Ratio returns the spread of the ratios of key to base within each round, so that a disturbance of a round affects both
// sides. ok is false if either was not measured.
func (r *Results) Ratio(of Measure, key, base Key) (spread Spread, ok bool) {
	row, other := r.Row(key), r.Row(base)
	if row == nil || other == nil || len(row.Samples) != len(other.Samples) {
		return Spread{}, false
	}
	ratios := values(row.Samples, of)
	for i, value := range values(other.Samples, of) {
		if value == 0 {
			return Spread{}, false
		}
		ratios[i] /= value
	}
	return SpreadOf(ratios), true
}

func values(samples []Sample, of Measure) []float64 {
	all := make([]float64, len(samples))
	for i, sample := range samples {
		all[i] = of(sample)
	}
	return all
}

// SpreadOf returns the median, minimum and maximum of values. It panics if there are none. The median of an even number of
// values is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + median) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// StartTimes returns the spread of start times in milliseconds.
func StartTimes(starts []contender.Startup) Spread {
	var all []float64
	for _, s := range starts {
		all = append(all, float64(s.Took)/float64(time.Millisecond))
	}
	return SpreadOf(all)
}

// StartResident returns the spread of resident memory when idle, in megabytes.
func StartResident(starts []contender.Startup) Spread {
	return idle(starts, func(m process.Memory) int64 { return m.Resident })
}

// StartPrivate returns the spread of private memory when idle, in megabytes.
func StartPrivate(starts []contender.Startup) Spread {
	return idle(starts, func(m process.Memory) int64 { return m.Private })
}

func idle(starts []contender.Startup, of func(process.Memory) int64) Spread {
	var all []float64
	for _, s := range starts {
		all = append(all, float64(of(s.Memory))/1e6)
	}
	return SpreadOf(all)
}
