package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/report"
	"userorder/bench/work"
)

func TestParseWrk(t *testing.T) {
	sample, err := parseWrk([]byte("  12 requests in 1.00s, 1MB read\nRequests/sec:  95964.53\nTransfer/sec: 1MB\n"))
	require.NoError(t, err)
	require.InDelta(t, 95964.53, sample.Rate, 0.001)
	for _, out := range []string{"", "0 requests in 1.00s\nRequests/sec: 0.0\n", "5 requests in 1s\nNon-2xx or 3xx responses: 3\nRequests/sec: 1.0\n", "5 requests in 1s\nSocket errors: connect 1\nRequests/sec: 1.0\n"} {
		_, err := parseWrk([]byte(out))
		require.Error(t, err, out)
	}
}

func TestOptions(t *testing.T) {
	full, err := parseOptions(nil)
	require.NoError(t, err)
	require.Equal(t, "results", full.out)
	require.Equal(t, []size{small, million, large}, full.growth)
	require.Equal(t, []int{1_000, 100_000, 1_000_000, 10_000_000}, []int{full.sizes[0].orders, full.sizes[1].orders, full.sizes[2].orders, full.sizes[3].orders})
	quick, err := parseOptions([]string{"-quick"})
	require.NoError(t, err)
	require.Equal(t, "quick", quick.out)
	require.Less(t, quick.during, full.during)
	require.Equal(t, []size{small, medium}, quick.growth)
	some, err := parseOptions([]string{"-only", "^(query, 10 million|create, )"})
	require.NoError(t, err)
	require.Equal(t, []size{small, large}, some.sizes, "it seeds a size that no measurement needs")
	require.Equal(t, "quick", some.out, "a partial run would replace a complete one")
	lists, err := parseOptions([]string{"-only", "^list"})
	require.NoError(t, err)
	require.Equal(t, []size{small, million, large}, lists.sizes, "lists are measured at these sizes")
	for only, want := range map[string][]size{"^create": {small, million, large}, "1 million orders.*SQLite": {small, million}, "^info": {small}} {
		o, err := parseOptions([]string{"-only", only})
		require.NoError(t, err)
		require.Equal(t, want, o.sizes, only)
	}
	require.Equal(t, []size{million, medium}, []size{full.waiting, quick.waiting})
	require.False(t, lists.wantsWebhook(onSQLite) || lists.wantsWaiting(onSQLite), "lists need no webhook")
	for only, want := range map[string][2]bool{"^webhook: events": {true, false}, "events waiting.*PostgreSQL": {false, true}, "^webhook": {true, true}} {
		o, err := parseOptions([]string{"-only", only})
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{o.wantsWebhook(onPostgres), o.wantsWaiting(onPostgres)}, only)
		require.Equal(t, []size{small}, o.sizes, only)
	}
	for only, want := range map[string]bool{"": true, "PocketBase$": true, "^login": true, "^mix": false, "Flask": false} {
		o, err := parseOptions([]string{"-only", only})
		require.NoError(t, err)
		require.Equal(t, want, o.wantsPocketBase(), only)
	}
	for _, wrong := range [][]string{{"-rounds", "0"}, {"-quick", "more"}, {"-only", "("}} {
		_, err := parseOptions(wrong)
		require.Error(t, err, wrong)
	}
}

// complete returns a world in which nothing was skipped and nothing runs.
func complete(t *testing.T) *world {
	w := &world{
		sqlite: &engine{name: onSQLite, nameBefore: beforeSQLite}, postgres: &engine{name: onPostgres, nameBefore: beforePostgres},
		flask: &flask{}, before: &contender.Stage{}, pocketBase: &work.PocketBase{}, peers: []peer{{name: onPocketBase}, {name: onDurablePocketBase}},
	}
	var err error
	w.options, err = parseOptions(nil)
	require.NoError(t, err)
	return w
}

func TestTheREADMESaysWhatEachContenderIs(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, m := range complete(t).measurements() {
		name := m.Contender
		if strings.HasPrefix(name, "the release before") { // on both engines
			name = "the release before"
		}
		require.Contains(t, string(text), "\n| "+name+" | ")
	}
}

// TestTargetsFindTheirRows guards against a misspelled row, whose target would always be "not measured".
func TestTargetsFindTheirRows(t *testing.T) {
	w := complete(t)
	results := &report.Results{}
	for _, m := range w.measurements() {
		require.Nil(t, results.Row(m.Key), "%s is measured twice", m.Key)
		results.Add(m.Key, report.Sample{Rate: 1, CPU: time.Microsecond, Memory: process.Memory{Peak: 1}})
	}
	results.AddStart(contender.Startup{}, contender.Startup{})
	all := targets(results)
	require.Len(t, all, 37)
	for _, target := range all {
		require.NotEqual(t, "not measured", target.Verdict(), target.What)
	}
	for _, growth := range w.options.grown() {
		require.Len(t, growth.Rows, 3)
		for _, key := range growth.Rows {
			require.NotNil(t, results.Row(key), "%s", key)
		}
	}
	require.Len(t, costs(), 9)
	for _, cost := range costs() {
		require.NotNil(t, results.Row(cost.Without), "%s", cost.Without)
		require.NotNil(t, results.Row(cost.With), "%s", cost.With)
	}
	for _, chart := range charts(results) {
		require.GreaterOrEqual(t, len(chart.Bars), 1, chart.Title)
	}
	require.Len(t, charts(results), 5)
}

func TestACommitIsUnpackedFromTheHistory(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	repository, to := t.TempDir(), filepath.Join(t.TempDir(), "source")
	require.ErrorIs(t, unpack(t.Context(), repository, previous, to), errNoHistory, "there is no repository")
	require.NoError(t, os.WriteFile(filepath.Join(repository, "main.go"), []byte("package main"), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a"}} {
		out, err := exec.Command("git", append([]string{"-C", repository}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, unpack(t.Context(), repository, "HEAD", to))
	text, err := os.ReadFile(filepath.Join(to, "main.go"))
	require.NoError(t, err)
	require.Equal(t, "package main", string(text))
	require.ErrorIs(t, unpack(t.Context(), repository, previous, to), errNoHistory)
}
