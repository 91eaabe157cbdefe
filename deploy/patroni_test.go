package deploy

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestPatroni checks what the tests of e2e, which run the cluster, cannot see.
func TestPatroni(t *testing.T) {
	text, err := os.ReadFile("patroni/patroni.yml")
	require.NoError(t, err)
	var config struct {
		Bootstrap struct {
			DCS struct {
				TTL    int
				Wait   int  `yaml:"loop_wait"`
				Retry  int  `yaml:"retry_timeout"`
				Sync   bool `yaml:"synchronous_mode"`
				Strict bool `yaml:"synchronous_mode_strict"`
			} `yaml:"dcs"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	dcs := config.Bootstrap.DCS
	require.GreaterOrEqual(t, dcs.TTL, 20, "later versions of Patroni accept no less")
	require.GreaterOrEqual(t, dcs.TTL, dcs.Wait+2*dcs.Retry, "the lease would expire while the leader still tries to renew it")
	require.True(t, dcs.Sync && dcs.Strict)
	require.NotContains(t, string(text), "password:", "each cluster makes its own")

	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("needs bash: %v", err)
	}
	out, err := exec.Command(bash, "-n", "patroni/cluster.sh").CombinedOutput()
	require.NoError(t, err, string(out))
}
