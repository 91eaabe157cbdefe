// Package deploy holds example configurations for running the service. The tests of e2e run those of proxies and of
// Prometheus, and build and run the image. Those of kubernetestest, a module of its own, check kubernetes.yaml. The tests here
// cannot run the others, so they read them: every field must be known, and README.md must list every setting.
package deploy

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// decode reads the documents of a YAML file into documents and fails on fields that their types do not have.
func decode(t *testing.T, file string, documents ...any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	for _, document := range documents {
		require.NoError(t, decoder.Decode(document), file)
	}
	require.ErrorIs(t, decoder.Decode(new(any)), io.EOF, "%s has more documents", file)
}

// requireSetting checks that README.md lists a setting, with or without the suffix _FILE.
func requireSetting(t *testing.T, name string) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "`"+strings.TrimSuffix(name, "_FILE")+"`")
}

// requireImage checks that a name means the same image to every tool, and not whatever is the latest.
func requireImage(t *testing.T, name string) {
	t.Helper()
	require.Regexp(t, `^[a-z0-9-]+(\.[a-z0-9-]+)+/[a-z0-9/-]+:v?[0-9][0-9.]*$`, name)
}

func TestCompose(t *testing.T) {
	type service struct {
		Image string
		Build struct {
			Context, Dockerfile string
			Args                map[string]string
		}
		Environment map[string]string
		Volumes     []string
		Ports       []string
		Healthcheck struct {
			Test              []string
			Interval, Timeout string
			Retries           int
		}
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Secrets     []string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Deploy      struct {
			Replicas  int
			Resources struct{ Limits struct{ Memory string } }
		}
		Configs   []struct{ Source, Target string }
		GraceTime string `yaml:"stop_grace_period"`
		Restart   string
	}
	var compose struct {
		Name     string
		Services map[string]service
		Configs  map[string]struct{ Content string }
		Secrets  map[string]struct{ File string }
		Volumes  map[string]struct{}
	}
	decode(t, "compose.yaml", &compose)
	replicas := compose.Services["service"]
	require.Equal(t, 3, replicas.Deploy.Replicas)
	require.FileExists(t, replicas.Build.Context+"/"+replicas.Build.Dockerfile)
	dockerfile, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	for name := range replicas.Build.Args {
		require.Contains(t, string(dockerfile), "\nARG "+name+"\n")
	}
	for name := range replicas.Environment {
		requireSetting(t, name)
	}
	manual, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	for name, s := range compose.Services {
		if s.Image != "" {
			requireImage(t, s.Image)
		}
		for setting, value := range s.Environment {
			require.NotContains(t, value, "$", "%s of %s: a secret in the environment is for everybody who may inspect the container", setting, name)
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
				require.Contains(t, s.Secrets, secret)
			}
		}
		for _, secret := range s.Secrets {
			require.Contains(t, string(manual), " >deploy"+strings.TrimPrefix(compose.Secrets[secret].File, ".")+"\n#", "nobody makes it")
		}
		for other, on := range s.DependsOn {
			require.Contains(t, compose.Services, other)
			require.Equal(t, "service_healthy", on.Condition)
		}
	}
	require.True(t, replicas.ReadOnly)
	require.Equal(t, []string{"ALL"}, replicas.CapDrop)
	for _, used := range compose.Services["proxy"].Configs {
		require.Contains(t, compose.Configs, used.Source)
	}
	require.Contains(t, compose.Configs["nginx"].Content, "server service:5000")
	require.NotRegexp(t, `[^$]\$[a-z]`, compose.Configs["nginx"].Content, "compose would replace it by a variable of its own")
}

func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	instructions := regexp.MustCompile(`(?m)^[A-Z]+`).FindAllString(string(text), -1)
	for _, instruction := range instructions {
		require.Contains(t, []string{
			"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT",
		}, instruction)
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1) {
		if from[1] != "scratch" {
			requireImage(t, from[1])
		}
	}
	_, final, _ := strings.Cut(string(text), "FROM scratch")
	require.Contains(t, final, "\nUSER 65532:65532\n")
	require.Contains(t, final, `CMD ["/usr/local/bin/userorder", "healthcheck"]`)
	require.Contains(t, final, `ENTRYPOINT ["/usr/local/bin/userorder"]`)
}
