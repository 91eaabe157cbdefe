package soak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/bench/report"
)

func TestKindEstimatesPercentiles(t *testing.T) {
	k := &kind{}
	for i := range 1000 {
		k.add(time.Duration(i+1) * time.Millisecond)
	}
	require.InEpsilon(t, 500, k.percentile(500), 0.06)
	require.InEpsilon(t, 990, k.percentile(990), 0.06)
	require.InDelta(t, 1000, k.percentile(1000), 0, "it exceeds the maximum")
	k.add(time.Hour)
	require.InEpsilon(t, time.Hour.Milliseconds(), k.percentile(1000), 0.06)
}

func TestRecordTakesPercentilesOfEachBin(t *testing.T) {
	r := newRecord(Plan{Time: 10 * time.Minute})
	require.Equal(t, 20*time.Second, r.bin)
	fill := func(took time.Duration) {
		for range 100 {
			r.took(reads, "query", took)
			r.took(other, "no route", time.Hour)
		}
	}
	fill(time.Millisecond)
	r.began = r.began.Add(-30 * time.Second) // the second bin
	fill(2 * time.Millisecond)
	r.began = r.began.Add(-time.Hour) // after the end: the last bin
	fill(3 * time.Millisecond)
	fill(5 * time.Millisecond)
	r.close()
	p50, p99 := r.lines(reads, "SQLite")
	require.Equal(t, []Point{{10 * time.Second, 1}, {30 * time.Second, 2}, {590 * time.Second, 3}}, p50.Points)
	require.Equal(t, []Point{{10 * time.Second, 1}, {30 * time.Second, 2}, {590 * time.Second, 5}}, p99.Points)
	require.Equal(t, 400, r.kinds["query"].Count)
	p50, _ = r.lines(other, "SQLite")
	require.Empty(t, p50.Points)
}

func TestResponseTimesMayRiseWithThoseOfTheControl(t *testing.T) {
	const length = 30 * time.Minute
	twice := func(low, high float64) (s Series) {
		for at := time.Duration(0); at < length; at += time.Minute {
			value := low
			if at >= 2*length/3 {
				value = high
			}
			s.Points = append(s.Points, Point{at, value})
		}
		return s
	}
	slower := twice(10, 60)
	require.True(t, latency.against(twice(1, 1), length).Judge(slower, length).Grew, "the service alone became slower")
	require.True(t, latency.against(twice(2, 1), length).Judge(slower, length).Grew, "the machine became faster")
	require.False(t, latency.against(twice(1, 5), length).Judge(slower, length).Grew, "the machine became slower")
	require.True(t, latency.against(Series{}, length).Judge(slower, length).Grew)
}

func TestParseMetrics(t *testing.T) {
	const text = "# HELP a b\n# TYPE a counter\na{job=\"x y\"} 1\na{job=\"z\"} 2.5\ngo_goroutines 21\nb{le=\"+Inf\"} 1e+06\n"
	metrics, err := parseMetrics(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"a": 3.5, "go_goroutines": 21, "b": 1e6}, metrics)
	_, err = parseMetrics(strings.NewReader("a b\n"))
	require.Error(t, err)
}

func TestPlanReachesASteadyStateInTheFirstThird(t *testing.T) {
	const sweep = time.Minute // the longest time until a session that is over is deleted
	for _, length := range []time.Duration{10 * time.Minute, time.Hour, 8 * time.Hour} {
		p := Plan{Time: length, Rate: 100}
		require.LessOrEqual(t, p.sessionLife()+sweep, length/3, length)
		require.Greater(t, p.sessionLife(), tokenLife, length)
		require.GreaterOrEqual(t, length/p.bin(), time.Duration(25), length)
	}
	for _, rate := range []int{MinRate, 40, 100, 1000} {
		p := Plan{Time: time.Hour, Rate: rate}
		require.Less(t, 2*10*rate/p.customers(), p.limit(), "a customer would reach the limit at %d a second", rate)
		require.Greater(t, 10*rate*8/100, p.limit(), "the impatient client would not reach the limit at %d a second", rate)
	}
}

func TestReport(t *testing.T) {
	plan := Plan{Time: 10 * time.Minute, Rate: 100}
	r := &Result{
		Plan: plan, Elapsed: plan.Time, control: newRecord(plan), shops: []*shop{newShop(plan, "", []string{""})},
		bases:   []Database{{Name: "SQLite", Processes: []Process{{Name: "SQLite"}}, WAL: walSQLite, Receiver: &Receiver{}}},
		samples: &samples{series: map[string][]*Series{}},
	}
	for at := time.Duration(0); at < plan.Time; at += 10 * time.Second {
		r.samples.add(memory.Quantity, "SQLite", at, 40+5*at.Minutes())
		r.samples.add(walSQLite.Quantity, "SQLite", at, 200)
	}
	r.shops[0].record.took(reads, "query", time.Millisecond)
	r.judge()
	require.Len(t, r.Failures, 3, "the limit was never reached, memory and the log grew: %q", r.Failures)
	text := r.Markdown(time.Unix(0, 0), "soak.svg", report.Machine{})
	for _, part := range []string{"# Soak of 1970-01-01 00:00", "(soak.svg)", "**Failed:**", "- it grows: private memory of SQLite: from 64.58 to 81.25", "| query | 1 | 1.0 |"} {
		require.Contains(t, text, part)
	}
	path := filepath.Join(t.TempDir(), "soak.svg")
	require.NoError(t, r.Draw(path))
	svg, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, part := range []string{"Private memory, MB", "Write-ahead log, MB", "Response times of reads, ms", "SQLite, 99 %", "minutes"} {
		require.Contains(t, string(svg), part)
	}
}
