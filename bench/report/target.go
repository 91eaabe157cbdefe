package report

import "fmt"

// Target is a figure that the service should reach.
type Target struct {
	What     string
	Bound    float64
	AtMost   bool   // or else at least
	Unit     string // behind the figures
	Measured Spread
	Known    bool // whether it was measured
}

// Verdict compares the median with the bound.
func (t Target) Verdict() string {
	switch reached := t.Measured.Median >= t.Bound; {
	case !t.Known:
		return "not measured"
	case t.AtMost && t.Measured.Median <= t.Bound, !t.AtMost && reached:
		return "met"
	}
	return "missed"
}

func (t Target) bound() string {
	sign := "≥"
	if t.AtMost {
		sign = "≤"
	}
	return sign + " " + compact(t.Bound) + t.Unit
}

func (t Target) measured() (median, spread string) {
	if !t.Known {
		return "", ""
	}
	m := t.Measured
	return compact(m.Median) + t.Unit, compact(m.Min) + "–" + compact(m.Max)
}

// compact writes three digits of what is small and none behind the point of what is large.
func compact(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
