package soak

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"userorder/bench/report"
)

// Markdown returns the report of the run, which began at a time. Picture is the name of its picture.
func (r *Result) Markdown(began time.Time, picture string, machine report.Machine) string {
	var text strings.Builder
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) }
	say("# Soak of %s\n", began.UTC().Format("2006-01-02 15:04"))
	say("%v, %d visits a second to each database by %d customers, on %d cores (%s), %s, %s, %s, commit %s. Tokens lived %v, sessions %v,",
		r.Elapsed.Round(time.Second), r.Plan.Rate, r.Plan.customers(), machine.Cores, machine.CPU, machine.Kernel, machine.Go, machine.Postgres, machine.Commit,
		tokenLife, r.Plan.sessionLife())
	say("orders that nobody paid %v; the SQLite file was backed up every %v.\n", orderExpiry, r.Plan.backupEvery())
	say("![Memory, goroutines, descriptors, logs and response times over the run](%s)\n", picture)
	r.verdict(say)
	r.findings(say)
	r.counts(say)
	for i, s := range r.shops {
		say("## Requests to %s\n", r.bases[i].Name)
		say("| request | count | median, ms | 99 %%, ms | maximum, ms |\n|---|---:|---:|---:|---:|")
		for _, k := range s.record.sorted() {
			say("| %s | %d | %.1f | %.1f | %.0f |", k.Name, k.Count, k.percentile(500), k.percentile(990), milliseconds(k.slowest))
		}
		say("")
	}
	return strings.TrimRight(text.String(), "\n") + "\n"
}

func (r *Result) verdict(say func(string, ...any)) {
	switch {
	case len(r.Failures) > 0:
		say("**Failed:**\n")
		for _, failure := range r.Failures {
			say("- %s", strings.ReplaceAll(failure, "\n", " "))
		}
		say("")
	case r.Judged():
		say("**Nothing grew, and every response was as expected.**\n")
	default:
		say("**Every response was as expected.** A run of less than %v says nothing of growth, so that was not judged.\n", judged)
	}
}

// findings writes the table of what was judged.
func (r *Result) findings(say func(string, ...any)) {
	if len(r.Findings) == 0 {
		return
	}
	say("## Growth\n")
	say("The first third of the run is not looked at. The medians of the other two are compared, and the maximum of a log with a limit.")
	say("For response times the limit rises by what those of net/http alone rose by, which answered 10 requests a second beside.\n")
	say("| what | of | unit | second third | last third | maximum | limit |\n|---|---|---|---:|---:|---:|---|")
	for _, f := range r.Findings {
		limit := fmt.Sprintf("%.3g × + %.3g", f.Rule.Factor, f.Rule.Slack)
		if f.Rule.Most > 0 {
			limit = fmt.Sprintf("maximum %.3g", f.Rule.Most)
		}
		if f.Grew {
			limit += ", **exceeded**"
		}
		say("| %s | %s | %s | %.4g | %.4g | %.4g | %s |", f.Rule.Quantity, f.Name, f.Rule.Unit, f.Second, f.Last, f.Highest, limit)
	}
	say("")
}

// counts writes how much was done.
func (r *Result) counts(say func(string, ...any)) {
	say("## What was done\n")
	say("| | %s |\n|---|%s", strings.Join(r.names(), " | "), strings.Repeat("---:|", len(r.bases)))
	row := func(name string, of func(i int) int) {
		cells := make([]string, len(r.bases))
		for i := range cells {
			cells[i] = strconv.Itoa(of(i))
		}
		say("| %s | %s |", name, strings.Join(cells, " | "))
	}
	row("responses", func(i int) (sum int) {
		for _, k := range r.shops[i].record.kinds {
			sum += k.Count
		}
		return sum
	})
	row("of these not as expected", func(i int) int { return r.shops[i].record.wrong })
	row("of these 429, over the limit", func(i int) int { return r.shops[i].record.limited })
	row("503, repeated as they asked for", func(i int) int { return r.shops[i].record.busy })
	row("events of orders that the receiver has taken", func(i int) int { _, taken := r.bases[i].Receiver.counts(); return taken })
	row("calls of the receiver, failed and slow ones included", func(i int) int { calls, _ := r.bases[i].Receiver.counts(); return calls })
	row("size of the data at the end, MB", func(i int) int { return int(r.samples.last(stored, r.bases[i].Name)) })
	say("")
}

func (r *Result) names() []string {
	var names []string
	for _, d := range r.bases {
		names = append(names, d.Name)
	}
	return names
}

// last returns the last value of a series, or 0.
func (s *samples) last(quantity, name string) float64 {
	for _, series := range s.series[quantity] {
		if series.Name == name {
			return series.Points[len(series.Points)-1].Value
		}
	}
	return 0
}
