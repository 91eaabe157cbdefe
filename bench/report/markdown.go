package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Page is the content of the report.
type Page struct {
	Date, Picture   string
	Machine         Machine
	Results         *Results
	Targets         []Target
	Growth          []Growth
	Sizes           []string // of each Growth
	Costs           []Cost
	Rounds          int
	Each            time.Duration // length of most measurements
	Quick           bool
	HashConcurrency int
	Client          string // comparison with another client
}

// Markdown returns the report.
func Markdown(p Page) string {
	var b strings.Builder
	write := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	write("# Benchmark of %s\n\n", p.Date)
	if p.Quick {
		write("**A quick run, which shows that everything runs. Its figures are rough.**\n\n")
	}
	write("![Requests per second](%s)\n\n", p.Picture)
	b.WriteString(p.Machine.markdown())
	write("\nThe figures are medians of %s. A round measured everything once, for %v each (passwords for longer). "+
		"Every client waits for a response before its next request, and every response was checked: all were correct. "+
		"[README.md](../README.md) explains each row.\n\n", counted(p.Rounds), p.Each)
	write("## Targets\n\nThey are for SQLite unless they say otherwise. Ratios are taken within a round, so both sides saw the same noise.\n\n")
	table(&b, "lrrrl", []string{"target", "bound", "measured", "rounds", "verdict"}, targetRows(p.Targets))
	write("\n## Measured\n\n")
	table(&b, "llrrrrrrrrr", []string{
		"work", "contender", "clients", "a second", "p50", "p99", "p999", "CPU µs", "MB", "MB private", "MB peak",
	}, p.Results.rows())
	write("\nCPU is the CPU time of the server per request, including PostgreSQL's processes. MB is the resident memory of the "+
		"server after the run, its private part (which belongs to no file), and the peak of the whole. It excludes "+
		"PostgreSQL's processes and includes mapped pages of the SQLite file, once per reading connection. `HASH_CONCURRENCY` has its default, %d on this machine.\n", p.HashConcurrency)
	b.WriteString(p.Machine.differences())
	b.WriteString(p.Results.growth(p.Growth, p.Sizes))
	b.WriteString(p.Results.costs(p.Costs))
	b.WriteString(p.Results.starts())
	b.WriteString(p.Results.client())
	b.WriteString(p.Client)
	return b.String()
}

func (m Machine) markdown() string {
	var rows [][]string
	for _, row := range [][]string{
		{"CPU", fmt.Sprintf("%s, %d cores", m.CPU, m.Cores)},
		{"memory", m.Memory},
		{"kernel", m.Kernel},
		{"filesystem", m.Filesystem},
		{"Go", m.Go},
		{"PostgreSQL", m.Postgres},
		{"Flask", m.Flask},
		{"PocketBase", m.PocketBase},
		{"commit", m.Commit},
		{"the release before", m.Before},
		{"service", "`RATE_LIMIT=off LOG_LEVEL=warn`; the row with the request log on has `LOG_LEVEL=info` and writes to a file"},
		{"gunicorn workers", strings.Join(m.Workers, "; ")},
		{"skipped", strings.Join(m.Skipped, "; ")},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	var b strings.Builder
	table(&b, "ll", []string{"", ""}, rows)
	return b.String()
}

func targetRows(targets []Target) (rows [][]string) {
	for _, t := range targets {
		median, spread := t.measured()
		rows = append(rows, []string{t.What, t.bound(), median, spread, t.Verdict()})
	}
	return rows
}

func counted(rounds int) string {
	if rounds == 1 {
		return "one round"
	}
	return fmt.Sprintf("%d rounds", rounds)
}

// enough is the number of samples below which a p999 would be the maximum.
const enough = 1000

func (r *Results) rows() (rows [][]string) {
	for _, row := range r.Rows {
		one := row.Samples[0]
		cells := []string{row.Work, row.Contender, strconv.Itoa(row.Clients), thousands(row.Median(Rate))}
		cells = append(cells, milliseconds(row.Median(func(s Sample) float64 { return float64(s.P50) })),
			milliseconds(row.Median(func(s Sample) float64 { return float64(s.P99) })))
		slowest := ""
		if one.Requests >= enough {
			slowest = milliseconds(row.Median(func(s Sample) float64 { return float64(s.P999) }))
		}
		rows = append(rows, append(cells, slowest, microseconds(row.Median(CPU)),
			megabytes(row.Median(Resident)), megabytes(row.Median(Private)), megabytes(row.Median(Peak))))
	}
	return rows
}

func (r *Results) starts() string {
	if len(r.First) == 0 {
		return ""
	}
	var rows [][]string
	for _, start := range []struct {
		name                    string
		took, resident, private Spread
	}{
		{"with an empty folder", StartTimes(r.First), StartResident(r.First), StartPrivate(r.First)},
		{"with an existing file", StartTimes(r.Again), StartResident(r.Again), StartPrivate(r.Again)},
	} {
		rows = append(rows, []string{
			start.name, compact(start.took.Median), compact(start.took.Min) + "–" + compact(start.took.Max),
			compact(start.resident.Median), compact(start.private.Median),
		})
	}
	var b strings.Builder
	b.WriteString("\n## Start\n\nThe time from exec to the first 200 of `/healthz`, and the resident and private memory when idle, on SQLite.\n\n")
	table(&b, "lrrrr", []string{"start", "ms", "rounds", "MB idle", "MB private"}, rows)
	return b.String()
}

// client describes the cost of the client.
func (r *Results) client() string {
	least := 0.0
	for _, row := range r.Rows {
		used := row.Median(func(s Sample) float64 { return float64(s.Client) })
		if used > 0 && (least == 0 || used < least) {
			least = used
		}
	}
	return fmt.Sprintf("\n## The client\n\nThe client is part of this program (fasthttp), so that nothing has to be installed, requests vary and "+
		"every response is checked. It shares the cores with the servers and uses at least %s µs of CPU per request. A server's "+
		"rate depends on that and on the number of client threads that compete with it for the cores; its CPU per request does "+
		"not.\n", microseconds(least))
}

func table(b *strings.Builder, alignment string, head []string, rows [][]string) {
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	marks := make([]string, len(alignment))
	for i, side := range alignment {
		marks[i] = map[rune]string{'l': "---", 'r': "--:"}[side]
	}
	line(marks)
	for _, row := range rows {
		line(row)
	}
}

// thousands formats a whole number with commas.
func thousands(value float64) string {
	text := fmt.Sprintf("%.0f", value)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func milliseconds(nanoseconds float64) string {
	return unlessZero(nanoseconds, compact(nanoseconds/1e6)+" ms")
}

func microseconds(nanoseconds float64) string {
	return unlessZero(nanoseconds, compact(nanoseconds/1e3))
}

func megabytes(bytes float64) string { return unlessZero(bytes, compact(bytes/1e6)) }

// unlessZero returns text, or "" if value is 0, which means that it does not apply.
func unlessZero(value float64, text string) string {
	if value == 0 {
		return ""
	}
	return text
}
