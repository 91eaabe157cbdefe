package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/bench/contender"
	"userorder/bench/process"
)

func TestSpread(t *testing.T) {
	require.Equal(t, Spread{Median: 2, Min: 1, Max: 9}, SpreadOf([]float64{9, 1, 2}))
	require.Equal(t, Spread{Median: 2.5, Min: 1, Max: 4}, SpreadOf([]float64{4, 1, 3, 2}))
	require.Equal(t, Spread{Median: 7, Min: 7, Max: 7}, SpreadOf([]float64{7}))
}

var fast, slow, absent = Key{"fast", "query", 32}, Key{"slow", "query", 32}, Key{"fast", "query", 64}

// noisy returns results in which the machine was half as fast in the second round.
func noisy() *Results {
	r := &Results{}
	for _, disturbed := range []float64{1, 0.5, 1.1} {
		r.Add(fast, Sample{Rate: 1000 * disturbed, P50: time.Millisecond, P99: 12 * time.Millisecond, P999: 123 * time.Millisecond, Requests: 1234567, CPU: 12345})
		r.Add(slow, Sample{Rate: 500 * disturbed, Requests: 5, Memory: process.Memory{Resident: 34_560_000, Private: 9_870_000, Peak: 123_400_000}})
	}
	return r
}

func TestRatioIsTakenWithinARound(t *testing.T) {
	r := noisy()
	spread, known := r.Ratio(Rate, fast, slow)
	require.True(t, known)
	require.Equal(t, Spread{Median: 2, Min: 2, Max: 2}, spread)
	for _, keys := range [][2]Key{{fast, absent}, {absent, fast}} {
		_, known = r.Ratio(Rate, keys[0], keys[1])
		require.False(t, known)
	}
	_, known = r.Ratio(CPU, fast, slow)
	require.False(t, known, "it divided by a figure that does not apply")
	require.Equal(t, Spread{Median: 1000, Min: 500, Max: 1100}, r.Row(fast).Spread(Rate))
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		Target
		want string
	}{
		{Target{Bound: 0.55, Measured: Spread{Median: 0.55}, Known: true}, "met"},
		{Target{Bound: 0.55, Measured: Spread{Median: 0.549, Max: 0.6}, Known: true}, "missed"},
		{Target{Bound: 2, AtMost: true, Measured: Spread{Median: 2}, Known: true}, "met"},
		{Target{Bound: 2, AtMost: true, Measured: Spread{Median: 2.01, Min: 1.9}, Known: true}, "missed"},
		{Target{Bound: 2, AtMost: true}, "not measured"},
		{Target{Bound: 0}, "not measured"},
	} {
		require.Equal(t, test.want, test.Verdict(), "%+v", test.Target)
	}
}

func TestMarkdown(t *testing.T) {
	r := noisy()
	r.AddStart(contender.Startup{Took: 30 * time.Millisecond, Memory: process.Memory{Resident: 33e6, Private: 12e6}}, contender.Startup{Took: 20 * time.Millisecond})
	text := Markdown(Page{
		Date: "2026-01-02", Picture: "2026-01-02.svg", Results: r, Rounds: 3, Each: time.Second,
		Machine: Machine{CPU: "a CPU", Cores: 2, Commit: "abc"},
		Targets: []Target{
			{What: "fast against slow", Bound: 1.5, Measured: Spread{2, 1.9, 2.1}, Known: true},
			{What: "start", Bound: 100, AtMost: true, Unit: " ms", Measured: Spread{123.4, 99.4, 130}, Known: true},
			{What: "nothing", Bound: 1},
		},
	})
	for _, line := range []string{
		"# Benchmark of 2026-01-02",
		"| CPU | a CPU, 2 cores |",
		"| fast against slow | ≥ 1.50 | 2.00 | 1.90–2.10 | met |",
		"| start | ≤ 100 ms | 123 ms | 99.4–130 | missed |",
		"| nothing | ≥ 1.00 |  |  | not measured |",
		"| query | fast | 32 | 1,000 | 1.00 ms | 12.0 ms | 123 ms | 12.3 |  |  |  |",
		"| query | slow | 32 | 500 |  |  |  |  | 34.6 | 9.87 | 123 |",
		"| with an empty folder | 30.0 | 30.0–30.0 | 33.0 | 12.0 |",
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "| PostgreSQL |", "it was skipped")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| query |") {
			require.Equal(t, 12, strings.Count(line, "|"), line)
		}
	}
}

func TestGrowthAndCostsAreRatiosWithinARound(t *testing.T) {
	r := noisy()
	growth := r.growth([]Growth{
		{Work: "query", Contender: "fast", Rows: []Key{fast, absent, slow}},
		{Work: "list", Contender: "fast", Rows: []Key{fast, absent}},
	}, []string{"1 thousand", "1 million", "10 million"})
	require.Contains(t, growth, "| work | contender | 1 thousand | 1 million | 10 million | kept |\n")
	require.Contains(t, growth, "\n| query | fast | 1,000 |  | 500 | 0.50 |\n")
	require.NotContains(t, growth, "list")
	require.Empty(t, r.growth([]Growth{{Rows: []Key{absent, slow}}}, nil))

	costs := r.costs([]Cost{{Feature: "a feature", Without: fast, With: slow}, {Feature: "another", Without: absent, With: slow}})
	require.Contains(t, costs, "\n| a feature | slow | 1,000 | 500 | 0.50 | 0.50–0.50 | 12.3 |  |\n")
	require.NotContains(t, costs, "another")
	require.Empty(t, r.costs([]Cost{{Without: fast, With: absent}}))
}

func TestDifferencesAreThoseOfTheContendersThatRan(t *testing.T) {
	const flask, pocketBase = "\n| Flask | ", "\n| PocketBase | **before any flush**"
	alone := Machine{}.differences()
	require.Contains(t, alone, "\n| userorder, SQLite | after a flush")
	require.NotContains(t, alone, flask)
	require.NotContains(t, alone, "PocketBase")
	both := Machine{Flask: "Flask 2.2.2", PocketBase: "v0.36.8"}.differences()
	require.Contains(t, both, flask)
	require.Contains(t, both, pocketBase)
}

func TestThousands(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 999: "999", 999.6: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(value))
	}
}

func TestFilesystemIsTheNearestMount(t *testing.T) {
	const mounts = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /tmp rw - tmpfs tmpfs rw
23 21 0:21 / /tmp/with\040space rw - xfs none rw
24 21 0:22 / /tmporary rw - btrfs none rw
nonsense
`
	for folder, want := range map[string]string{
		"/": "ext4", "/var/tmp/x": "ext4", "/tmp": "tmpfs", "/tmp/a/b": "tmpfs", "/tmporary/": "btrfs", "/tmpor": "ext4",
	} {
		require.Equal(t, want, filesystem(mounts, folder), folder)
	}
	require.Equal(t, "unknown", filesystem("", "/"))
}

func TestMachineIsDescribed(t *testing.T) {
	m := ThisMachine(t.TempDir())
	require.NotContains(t, []string{m.CPU, m.Memory, m.Kernel, m.Filesystem, m.Go}, "")
	require.Equal(t, "23.5 GiB", gigabytes("24684084 kB"))
	require.Equal(t, "unknown", gigabytes("unknown"))
	require.Equal(t, "A: B", field("model\t: x\nmodel name\t: A: B\nmodel name\t: C\n", "model name"))
}

func TestDraw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.svg")
	require.NoError(t, Draw(path, []Chart{
		{Title: "query", Bars: []Bar{{"fast", 12345}, {"slow", 3}}}, // 3 is below the origin of the axis
		{Title: "create", Bars: []Bar{{"fast", 100}}},
	}))
	svg, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, text := range []string{"<svg", "12,345  fast", "3  slow", ">query<", ">create<"} {
		require.Contains(t, string(svg), text)
	}
	require.NotContains(t, string(svg), "NaN")
	require.NoError(t, Draw(path, nil))
}
