package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestPrometheusFindsThePods replaces the discovery, since that of some distributions cannot ask Kubernetes, and has Prometheus
// relabel what it would have found.
func TestPrometheusFindsThePods(t *testing.T) {
	type relabel struct {
		SourceLabels []string `yaml:"source_labels"`
		TargetLabel  string   `yaml:"target_label,omitempty"`
		Regex        string   `yaml:"regex,omitempty"`
		Action       string   `yaml:"action,omitempty"`
	}
	var file struct {
		Jobs []struct {
			Name      string `yaml:"job_name"`
			Discovery []struct {
				Role      string
				Selectors []struct{ Role, Label string }
			} `yaml:"kubernetes_sd_configs"`
			Relabel []relabel `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	decode(t, "prometheus-kubernetes.yml", &file)
	require.Len(t, file.Jobs, 1)
	job := file.Jobs[0]
	require.Equal(t, "userorder", job.Name, "rules and dashboard look for it")
	require.Len(t, job.Discovery, 1)
	require.Equal(t, "pod", job.Discovery[0].Role)
	require.Len(t, job.Discovery[0].Selectors, 1)
	require.Equal(t, "pod", job.Discovery[0].Selectors[0].Role)
	manifest, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	require.Equal(t, "app=userorder", job.Discovery[0].Selectors[0].Label)
	require.Contains(t, string(manifest), "\n      labels:\n        app: userorder\n", "the pods have another label")

	type target struct {
		Targets []string
		Labels  map[string]string
	}
	var found []target
	pod := func(name, phase, portName string, port int) {
		found = append(found, target{[]string{"10.0.0.1:" + strconv.Itoa(port)}, map[string]string{
			"__meta_kubernetes_namespace": "shop", "__meta_kubernetes_pod_name": name, "__meta_kubernetes_pod_phase": phase,
			"__meta_kubernetes_pod_container_port_name": portName,
		}})
	}
	pod("userorder-1", "Running", "http", 5000)
	pod("userorder-1", "Running", "ops", 5001)
	pod("userorder-2", "Failed", "ops", 5001)
	pod("userorder-3", "Pending", "ops", 5001)
	text, err := yaml.Marshal(map[string]any{"scrape_configs": []any{map[string]any{
		"job_name": job.Name, "static_configs": found, "relabel_configs": job.Relabel,
	}}})
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(config, text, 0o600))
	var scraped []struct{ Labels map[string]string }
	out := promtool(t, "check", "service-discovery", "--timeout=3s", config, job.Name)
	require.NoError(t, json.Unmarshal([]byte(out), &scraped), out)
	var got []string
	for _, s := range scraped {
		if len(s.Labels) > 0 {
			got = append(got, s.Labels["job"]+" "+s.Labels["namespace"]+" "+s.Labels["instance"]+" "+s.Labels["__address__"])
		}
	}
	require.ElementsMatch(t, []string{"userorder shop userorder-1 10.0.0.1:5001", "userorder shop userorder-3 10.0.0.1:5001"}, got)
}
