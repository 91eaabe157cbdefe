package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "prometheus-rules.yml"
	scenariosFile = "prometheus-rules-test.yml"
)

type alert struct {
	Alert, Expr, For string
	Labels           struct{ Severity string }
	Annotations      struct{ Summary, Description, Doc string }
}

type rules struct {
	Groups []struct {
		Name  string
		Rules []alert
	}
}

// alerts returns the alerts of the rules.
func alerts(t *testing.T) []alert {
	t.Helper()
	var file rules
	decode(t, rulesFile, &file)
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// promtool runs promtool, requires that it finds nothing wrong, and returns what it prints.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	_ = os.Getenv("TEST_TOOLS") // a list from make, so that go test caches no result across an installation
	path, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("REQUIRE_TOOLS") != "1" {
		t.Skipf("needs promtool: %v", err)
	}
	require.NoError(t, err, "needs promtool: REQUIRE_TOOLS is set")
	out, err := exec.Command(path, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestEachAlertSaysHowBadItIsAndWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range alerts(t) {
		require.Regexp(t, `^Userorder[A-Z][A-Za-z]+$`, a.Alert)
		require.False(t, seen[a.Alert], "there are two %s", a.Alert)
		seen[a.Alert] = true
		require.Contains(t, []string{"critical", "warning", "info"}, a.Labels.Severity, a.Alert)
		require.NotEmpty(t, a.Annotations.Summary, a.Alert)
		require.Greater(t, len(a.Annotations.Description), 100, a.Alert)
		requireSection(t, a.Annotations.Doc)
		for _, setting := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`).FindAllString(a.Annotations.Description, -1) {
			requireSetting(t, setting)
		}
	}
	require.Greater(t, len(seen), 20)
}

// requireSection checks that a document of the repository has the section that a link like README.md#backup names.
func requireSection(t *testing.T, link string) {
	t.Helper()
	file, anchor, found := strings.Cut(link, "#")
	require.True(t, found, link)
	text, err := os.ReadFile("../" + file)
	require.NoError(t, err)
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(name, " ", "-"))
	}
	require.Contains(t, anchors, anchor, "%s has no such section", file)
}

func TestPromtoolTakesTheConfigurationAndTheRules(t *testing.T) {
	_ = alerts(t) // so that go test knows which files promtool reads
	promtool(t, "check", "config", "prometheus.yml")
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

type scenarios struct {
	RuleFiles []string `yaml:"rule_files"`
	Every     string   `yaml:"evaluation_interval"`
	Tests     []struct {
		Name, Interval string
		InputSeries    []struct{ Series, Values string } `yaml:"input_series"`
		Moments        []struct {
			Expr   string
			At     string `yaml:"eval_time"`
			Firing []struct {
				Labels string
				Value  int
			} `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	}
}

func TestEachAlertFiresWhenItShouldAndIsQuietBefore(t *testing.T) {
	var file scenarios
	decode(t, scenariosFile, &file)
	fires := map[string]bool{}
	for _, scenario := range file.Tests {
		require.Empty(t, scenario.Moments[0].Firing, "%s does not begin quietly", scenario.Name)
		for _, moment := range scenario.Moments {
			require.Equal(t, `ALERTS{alertstate="firing"}`, moment.Expr, "not all alerts are compared")
			for _, firing := range moment.Firing {
				fires[regexp.MustCompile(`alertname="(\w+)"`).FindStringSubmatch(firing.Labels)[1]] = true
			}
		}
	}
	for _, a := range alerts(t) {
		require.True(t, fires[a.Alert], "%s fires in no scenario of %s", a.Alert, scenariosFile)
	}
	promtool(t, "test", "rules", scenariosFile)
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ Expr, RefID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
}

type datasource struct{ Type, UID string }

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("grafana.json")
	require.NoError(t, err)
	var dashboard struct {
		ID            *int
		UID, Title    string
		SchemaVersion int
		Templating    struct {
			List []struct {
				Name, Type string
				Datasource *datasource
			}
		}
		Panels []panel
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	require.Nil(t, dashboard.ID, "an import would replace another dashboard")
	require.Equal(t, 42, dashboard.SchemaVersion)
	require.Equal(t, "datasource", dashboard.Templating.List[0].Type)
	for _, variable := range dashboard.Templating.List[1:] {
		require.Equal(t, &datasource{"prometheus", "${datasource}"}, variable.Datasource, variable.Name)
	}

	ids, taken := map[int]bool{}, map[[2]int]string{}
	var recorded []map[string]string
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[cell], "%s lies on it", p.Title)
				taken[cell] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.Equal(t, &datasource{"prometheus", "${datasource}"}, p.Datasource, p.Title)
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			recorded = append(recorded, map[string]string{
				"record": fmt.Sprint("panel:", p.ID, target.RefID),
				"expr":   strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"),
			})
		}
	}
	require.Greater(t, len(recorded), 40)
	file := filepath.Join(t.TempDir(), "queries.yml") // promtool knows PromQL
	asRules, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": recorded}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, asRules, 0o600))
	promtool(t, "check", "rules", file)
}
