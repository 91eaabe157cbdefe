package soak

import (
	"fmt"
	"slices"
	"time"
)

// Point is a value at a time after the beginning of the load.
type Point struct {
	At    time.Duration
	Value float64
}

// Series is how a quantity went over the run. Its points are in the order of their times.
type Series struct {
	Name   string // of the process or the database
	Points []Point
}

// Rule says how much a quantity may grow.
type Rule struct {
	Quantity string
	Unit     string
	Factor   float64 // the last third may be this multiple of the second
	Slack    float64 // and this much more
	Most     float64 // the maximum at any time; 0: none
}

// Finding compares the last third of a series with the second. The first is not looked at: caches fill, pools open their
// connections, and tables reach the size at which as much is deleted as inserted.
type Finding struct {
	Rule         Rule
	Name         string
	Second, Last float64 // medians
	Highest      float64 // of both
	Grew         bool
}

// Judge returns the finding for a series over a run of a length. Medians are compared, so that neither a disturbance nor
// the rise and fall between two collections of garbage counts as growth.
func (r Rule) Judge(s Series, length time.Duration) Finding {
	var second, last []float64
	for _, p := range s.Points {
		switch {
		case p.At < length/3:
		case p.At < 2*length/3:
			second = append(second, p.Value)
		default:
			last = append(last, p.Value)
		}
	}
	f := Finding{Rule: r, Name: s.Name, Second: median(second), Last: median(last)}
	for _, value := range append(second, last...) {
		f.Highest = max(f.Highest, value)
	}
	if len(second) == 0 || len(last) == 0 {
		return f // nothing of this kind was asked for
	}
	if r.Factor > 0 && f.Last > r.Factor*f.Second+r.Slack {
		f.Grew = true
	}
	if r.Most > 0 && f.Highest > r.Most {
		f.Grew = true
	}
	return f
}

// String returns the finding as a sentence.
func (f Finding) String() string {
	if f.Rule.Most > 0 {
		return fmt.Sprintf("%s of %s: at most %.4g %s, where %.4g are allowed", f.Rule.Quantity, f.Name, f.Highest, f.Rule.Unit, f.Rule.Most)
	}
	return fmt.Sprintf("%s of %s: from %.4g to %.4g %s, where %.4g are allowed", f.Rule.Quantity, f.Name, f.Second, f.Last, f.Rule.Unit,
		f.Rule.Factor*f.Second+f.Rule.Slack)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
