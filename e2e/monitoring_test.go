//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// prometheus is a running Prometheus with the configuration and the rules of deploy, in a hurry.
type prometheus struct{ base string }

func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	binary, port := tool(t, "prometheus"), freePort(t)
	ruleFile, err := filepath.Abs("../deploy/prometheus-rules.yml")
	require.NoError(t, err)
	config := example(t, "prometheus.yml", map[string]string{
		"127.0.0.1:5001": target, "- prometheus-rules.yml": "- " + ruleFile,
		"scrape_interval: 15s": "scrape_interval: 500ms", "evaluation_interval: 15s": "evaluation_interval: 500ms",
	})
	return prometheus{runProxy(t, port, binary, "--config.file", config, "--storage.tsdb.path", t.TempDir(),
		"--web.listen-address", local(port), "--log.level", "error")}
}

// get asks the API of Prometheus and decodes the data of its response.
func (p prometheus) get(t require.TestingT, path string, into any) {
	response, err := http.Get(p.base + "/api/v1/" + path)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Data  json.RawMessage
		Error string
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Empty(t, answer.Error, path)
	require.NoError(t, json.Unmarshal(answer.Data, into))
}

// series returns the labels of what a query finds.
func (p prometheus) series(t require.TestingT, query string) (series []map[string]string) {
	var data struct {
		Result []struct{ Metric map[string]string }
	}
	p.get(t, "query?query="+url.QueryEscape(query), &data)
	for _, result := range data.Result {
		series = append(series, result.Metric)
	}
	return series
}

// query is a query of a panel and the labels of its legend.
type query struct {
	title, expr string
	legend      []string
}

// panelQueries returns the queries of the dashboard, with its variables replaced.
func panelQueries(t *testing.T, rateInterval string) (queries []query) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	text, err := os.ReadFile("../deploy/grafana.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &dashboard))
	variables := strings.NewReplacer("$job", "userorder", "$instance", ".+", "$__rate_interval", rateInterval)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			q := query{title: panel.Title, expr: variables.Replace(target.Expr)}
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				q.legend = append(q.legend, label[1])
			}
			queries = append(queries, q)
		}
	}
	require.Greater(t, len(queries), 40)
	return queries
}

// ruleQueries returns the expressions of the alerts.
func ruleQueries(t *testing.T) (queries []query) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile("../deploy/prometheus-rules.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, rule := range file.Groups[0].Rules {
		queries = append(queries, query{title: rule.Alert, expr: rule.Expr})
	}
	require.Greater(t, len(queries), 20)
	return queries
}

var (
	usedMetric = regexp.MustCompile(`\b((?:userorder|process|go)_\w+|up\b)(?:\{([^}]*)\})?`)
	usedLabel  = regexp.MustCompile(`(\w+)\s*[=!]`)
	grouped    = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
)

// metrics returns selectors of the metrics that a query names. Each matches series that have all labels that are used of
// the metric, whatever their values.
func (q query) metrics() (selectors []string) {
	var groups []string
	for _, group := range grouped.FindAllStringSubmatch(q.expr, -1) {
		groups = append(groups, strings.Split(group[1], ", ")...)
	}
	for _, use := range usedMetric.FindAllStringSubmatch(q.expr, -1) {
		labels := slices.Clone(groups)
		for _, label := range usedLabel.FindAllStringSubmatch(use[2], -1) {
			labels = append(labels, label[1])
		}
		for i, label := range labels {
			if labels[i] = label + `!=""`; label == "le" && !strings.HasSuffix(use[1], "_bucket") {
				labels[i] = `job!=""` // of another metric in the query
			}
		}
		selectors = append(selectors, use[1]+"{"+strings.Join(labels, ",")+"}")
	}
	return selectors
}

// rare reports whether a query shows what does not happen in a service that works.
func (q query) rare() bool {
	return strings.Contains(q.expr, `status=~"5.."`) && !strings.Contains(q.expr, "vector(0)")
}

func TestPrometheusFindsAllThatAlertsAndDashboardAskFor(t *testing.T) {
	t.Parallel()
	dir, backups, r := t.TempDir(), t.TempDir(), newReceiver(t)
	settings := append(r.settings("OPS_ADDR=127.0.0.1:0", "BACKUP_DIR="+backups, "ORDER_EXPIRY=48h"), mailing(newMailbox(t).address)...)
	service := start(t, dir, settings...)
	base := service.url(t)
	ops := opsAddress.FindStringSubmatch(said(t, service.stdout))[1]
	p := startPrometheus(t, ops)
	token := login(t, base)
	awaitBackup(t, backups, time.Time{})
	panels, alerts := panelQueries(t, "5s"), ruleQueries(t)
	traffic := func(c require.TestingT) {
		require.True(c, create(base, token, "p").ok())
		require.Equal(c, 1, send("GET", base+"/order/query/4711", token, "").Code) // a business failure
	}

	require.EventuallyWithT(t, func(c *assert.CollectT) {
		traffic(c)
		for _, q := range append(panels, alerts...) {
			for _, selector := range q.metrics() {
				require.NotEmpty(c, p.series(c, selector), "%s looks for it, but it is not there: %s", q.title, selector)
			}
		}
		for _, q := range panels {
			found := p.series(c, q.expr)
			require.True(c, len(found) > 0 || q.rare(), "%s shows nothing: %s", q.title, q.expr)
			for _, series := range found {
				for _, label := range q.legend {
					require.NotEmpty(c, series[label], "the legend of %s names %s: %s", q.title, label, q.expr)
				}
			}
		}
	}, time.Minute, 300*time.Millisecond)

	var evaluated struct {
		Groups []struct {
			Rules []struct{ Name, State, Health, LastError string }
		}
	}
	p.get(t, "rules", &evaluated)
	require.Len(t, evaluated.Groups, 1)
	require.Len(t, evaluated.Groups[0].Rules, len(alerts))
	for _, rule := range evaluated.Groups[0].Rules {
		require.Equal(t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
		require.NotEqual(t, "firing", rule.State, "%s fires while all is well", rule.Name)
	}

	check := exec.Command(tool(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(send("GET", fmt.Sprintf("http://%s/metrics", ops), "", "").body)
	out, err := check.CombinedOutput()
	require.NoError(t, err, string(out))
	service.stop(t)
}
