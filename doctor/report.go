package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Report collects findings, and writes them to a terminal as they come.
type Report struct {
	lines  io.Writer // nil: none
	width  int       // of the names of checks
	colour bool
	all    []Finding
	err    error // of lines
}

// NewReport returns a report on checks. Lines may be nil.
func NewReport(lines io.Writer, checks []Check, colour bool) *Report {
	r := &Report{lines: lines, colour: colour, all: []Finding{}}
	for _, check := range checks {
		r.width = max(r.width, len(check.Name))
	}
	return r
}

// colours are the escape sequences of the states.
var colours = [...]string{OK: "\x1b[32m", Warning: "\x1b[33m", Fault: "\x1b[31m"}

// Add adds a finding, whose line it writes.
func (r *Report) Add(f Finding) {
	f.Found, f.Remedy = oneLine(f.Found), oneLine(f.Remedy)
	r.all = append(r.all, f)
	if r.lines == nil || r.err != nil {
		return
	}
	state := fmt.Sprintf("%-7s", f.State)
	if r.colour {
		state = colours[f.State] + state + "\x1b[0m"
	}
	remedy := ""
	if f.Remedy != "" {
		remedy = " → " + f.Remedy
	}
	_, r.err = fmt.Fprintf(r.lines, "%s  %-*s  %s%s\n", state, r.width, f.Check, f.Found, remedy)
}

// Worst returns the worst state of all findings.
func (r *Report) Worst() State {
	worst := OK
	for _, f := range r.all {
		worst = max(worst, f.State)
	}
	return worst
}

func (r *Report) count() (count [3]int) {
	for _, f := range r.all {
		count[f.State]++
	}
	return count
}

// WriteSummary writes the last line. It returns the first error of writing.
func (r *Report) WriteSummary() error {
	if r.err != nil || r.lines == nil {
		return r.err
	}
	count := r.count()
	_, err := fmt.Fprintf(r.lines, "\n%d ok, %s, %s\n", count[OK], number(count[Warning], "warning"), number(count[Fault], "fault"))
	return err
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// WriteJSON writes all findings and a summary as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	type summary struct {
		State    State `json:"state"`
		OK       int   `json:"ok"`
		Warnings int   `json:"warnings"`
		Faults   int   `json:"faults"`
	}
	count := r.count()
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Checks  []Finding `json:"checks"`
		Summary summary   `json:"summary"`
	}{r.all, summary{r.Worst(), count[OK], count[Warning], count[Fault]}})
}

// oneLine puts a text on one line and spells out control characters: parts of it may come from a server or a file.
func oneLine(text string) string {
	var line strings.Builder
	for _, char := range strings.Join(strings.Fields(text), " ") {
		if unicode.IsControl(char) {
			_, _ = fmt.Fprintf(&line, `\x%02x`, char)
			continue
		}
		_, _ = line.WriteRune(char)
	}
	return line.String()
}
