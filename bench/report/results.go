// Package report turns what was measured into a page of Markdown and a picture.
package report

import (
	"fmt"
	"slices"
	"time"

	"userorder/bench/contender"
)

// Key says what was measured.
type Key struct {
	Contender, Work string
	Clients         int
}

func (k Key) String() string {
	return fmt.Sprintf("%s, %d at once, %s", k.Work, k.Clients, k.Contender)
}

// Sample is what was measured in one round. What does not apply is 0.
type Sample struct {
	Rate           float64 // a second
	P50, P99, P999 time.Duration
	Requests       int
	CPU            time.Duration // of the server's, a request
	Client         time.Duration // of the client's, a request
	Memory, Peak   int64         // bytes, of the server
}

// Row is one thing that was measured once a round.
type Row struct {
	Key
	Samples []Sample
}

// Results is everything that was measured, in the order of the first round.
type Results struct {
	Rows         []*Row
	First, Again []contender.Startup // without a file, and with one
}

// Add adds what a round has shown.
func (r *Results) Add(key Key, sample Sample) {
	row := r.Row(key)
	if row == nil {
		row = &Row{Key: key}
		r.Rows = append(r.Rows, row)
	}
	row.Samples = append(row.Samples, sample)
}

// AddStart adds how the service has started in a round.
func (r *Results) AddStart(first, again contender.Startup) {
	r.First, r.Again = append(r.First, first), append(r.Again, again)
}

// Row returns a row, or nil if that was not measured.
func (r *Results) Row(key Key) *Row {
	for _, row := range r.Rows {
		if row.Key == key {
			return row
		}
	}
	return nil
}

// Measure is one figure of a sample.
type Measure func(Sample) float64

// The figures that are compared.
var (
	Rate Measure = func(s Sample) float64 { return s.Rate }
	CPU  Measure = func(s Sample) float64 { return float64(s.CPU) }
	Peak Measure = func(s Sample) float64 { return float64(s.Peak) }
)

// Median returns the median of a figure over the rounds.
func (r *Row) Median(of Measure) float64 { return SpreadOf(values(r.Samples, of)).Median }

// Spread is a figure that each round has one of.
type Spread struct{ Median, Min, Max float64 }

// Spread returns how a figure varies over the rounds.
func (r *Row) Spread(of Measure) Spread { return SpreadOf(values(r.Samples, of)) }

// Ratio compares two rows round by round, and then takes the median: what disturbed a round disturbed both. ok is false if
// one of them was not measured.
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

// SpreadOf returns the median and the ends of values, of which there is at least one. The median of an even number of
// them is the mean of the two in the middle.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + median) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// StartTimes is how long starts took, in milliseconds.
func StartTimes(starts []contender.Startup) Spread {
	var all []float64
	for _, s := range starts {
		all = append(all, float64(s.Took)/float64(time.Millisecond))
	}
	return SpreadOf(all)
}

// StartMemory is what started services keep, in megabytes.
func StartMemory(starts []contender.Startup) Spread {
	var all []float64
	for _, s := range starts {
		all = append(all, float64(s.Memory)/1e6)
	}
	return SpreadOf(all)
}
