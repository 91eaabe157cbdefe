package report

import "fmt"

// Target compares a figure with its bound.
type Target struct {
	What     string
	Bound    float64
	AtMost   bool   // Bound is a maximum instead of a minimum
	Unit     string // appended to figures
	Measured Spread
	Known    bool // whether it was measured
}

// Verdict returns "met", "missed" or "not measured". The median decides.
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

// compact formats a value with three significant digits, or as a whole number if it is large.
func compact(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
