package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Page is what the report is made of.
type Page struct {
	Date, Picture   string
	Machine         Machine
	Results         *Results
	Targets         []Target
	Rounds          int
	Each            time.Duration // how long most was measured in a round
	Quick           bool
	HashConcurrency int
	Client          string // what another client says
}

// Markdown writes the report.
func Markdown(p Page) string {
	var b strings.Builder
	write := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	write("# Benchmark of %s\n\n", p.Date)
	if p.Quick {
		write("**A quick run, to see that it runs. Its figures say little.**\n\n")
	}
	write("![Requests a second](%s)\n\n", p.Picture)
	b.WriteString(p.Machine.markdown())
	write("\nMedians of %s, in each of which everything was measured once, for %v (passwords for longer). "+
		"Every client waits for an answer before it asks again, and every answer was looked at: all were right. "+
		"[README.md](../README.md) says what each row is.\n\n", counted(p.Rounds), p.Each)
	write("## Targets\n\nOn SQLite unless it is said. A ratio is taken in each round, so both sides met the same noise.\n\n")
	table(&b, "lrrrl", []string{"target", "bound", "measured", "rounds", "verdict"}, targetRows(p.Targets))
	write("\n## Measured\n\n")
	table(&b, "llrrrrrrrr", []string{
		"work", "contender", "clients", "a second", "p50", "p99", "p999", "CPU µs", "MB", "MB peak",
	}, p.Results.rows())
	write("\nCPU is the server's time on a core for each request, with PostgreSQL's processes where it is used. MB is what is "+
		"resident of the server's own processes after the run, and at its peak: PostgreSQL's are not counted, mapped pages of the "+
		"SQLite file are, once for each connection that reads. The service hashes on %d of the cores, as is the default of `HASH_CONCURRENCY`.\n", p.HashConcurrency)
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
		{"commit", m.Commit},
		{"service", "`RATE_LIMIT=off LOG_LEVEL=warn`, but for the row with the request log on: `LOG_LEVEL=info` into a file"},
		{"gunicorn's workers", strings.Join(m.Workers, "; ")},
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

// enough is how many samples a p999 needs to be more than the slowest of them.
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
			megabytes(row.Median(func(s Sample) float64 { return float64(s.Memory) })), megabytes(row.Median(Peak))))
	}
	return rows
}

func (r *Results) starts() string {
	if len(r.First) == 0 {
		return ""
	}
	var rows [][]string
	for _, start := range []struct {
		name   string
		took   Spread
		memory Spread
	}{
		{"with an empty folder", StartTimes(r.First), StartMemory(r.First)},
		{"with a file that is there", StartTimes(r.Again), StartMemory(r.Again)},
	} {
		rows = append(rows, []string{
			start.name, compact(start.took.Median), compact(start.took.Min) + "–" + compact(start.took.Max), compact(start.memory.Median),
		})
	}
	var b strings.Builder
	b.WriteString("\n## Start\n\nFrom exec to the first 200 of `/healthz`, and what is resident when nothing more happens. On SQLite.\n\n")
	table(&b, "lrrr", []string{"start", "ms", "rounds", "MB idle"}, rows)
	return b.String()
}

// client says what the measuring itself takes.
func (r *Results) client() string {
	least := 0.0
	for _, row := range r.Rows {
		used := row.Median(func(s Sample) float64 { return float64(s.Client) })
		if used > 0 && (least == 0 || used < least) {
			least = used
		}
	}
	return fmt.Sprintf("\n## The client\n\nIt is a part of this program (fasthttp) and not wrk, so that nothing has to be installed, "+
		"each request can be another one and each answer can be looked at. It shares the cores with what it measures, and takes "+
		"%s µs of a core for each request at the least. How fast a server looks beside it depends on that, and on how many "+
		"threads of clients compete with its own for the cores; its CPU a request does not.\n", microseconds(least))
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

// thousands writes a whole number with commas.
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

// unlessZero leaves a cell empty whose figure does not apply.
func unlessZero(value float64, text string) string {
	if value == 0 {
		return ""
	}
	return text
}
