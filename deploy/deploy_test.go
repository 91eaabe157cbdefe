// Package deploy holds example configurations for running the service. The tests of e2e run those of proxies and of
// Prometheus. The tests here cannot run the others, so they read them: every field must be known, and README.md must list
// every setting.
package deploy

import (
	"bytes"
	"fmt"
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
		Image       string
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Volumes     []string
		Ports       []string
		Healthcheck struct {
			Test              []string
			Interval, Timeout string
			Retries           int
		}
		DependsOn any `yaml:"depends_on"`
		Deploy    struct{ Replicas int }
		Configs   []struct{ Source, Target string }
		GraceTime string `yaml:"stop_grace_period"`
		Restart   string
	}
	var compose struct {
		Name     string
		Services map[string]service
		Configs  map[string]struct{ Content string }
		Volumes  map[string]struct{}
	}
	decode(t, "compose.yaml", &compose)
	replicas := compose.Services["service"]
	require.Equal(t, 3, replicas.Deploy.Replicas)
	require.FileExists(t, replicas.Build.Context+"/"+replicas.Build.Dockerfile)
	for name := range replicas.Environment {
		requireSetting(t, name)
	}
	for _, used := range compose.Services["proxy"].Configs {
		require.Contains(t, compose.Configs, used.Source)
	}
	require.Contains(t, compose.Configs["nginx"].Content, "server service:5000")
	require.NotRegexp(t, `[^$]\$[a-z]`, compose.Configs["nginx"].Content, "compose would replace it by a variable of its own")
}

// port is the number or the name of a port.
type port any

type probe struct {
	HTTPGet struct {
		Path string
		Port port
	} `yaml:"httpGet"`
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

type variable struct{ Name, Value string }

type metadata struct {
	Name   string
	Labels map[string]string
}

type deployment struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Spec       struct {
		Replicas int
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Strategy struct {
			RollingUpdate struct {
				MaxUnavailable int `yaml:"maxUnavailable"`
				MaxSurge       int `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata metadata
			Spec     pod
		}
	}
}

type pod struct {
	GracePeriod     int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		FSGroup        int                   `yaml:"fsGroup"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name   string
		Secret struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
		}
	}
}

type container struct {
	Name, Image string
	Ports       []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Env          []variable
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
}

func TestKubernetes(t *testing.T) {
	var replicas deployment
	var service struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       struct {
			Selector map[string]string
			Ports    []struct {
				Name       string
				Port       int
				TargetPort port `yaml:"targetPort"`
			}
		}
	}
	var policy struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       struct {
			PodSelector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			} `yaml:"podSelector"`
			PolicyTypes []string `yaml:"policyTypes"`
			Ingress     []struct {
				Ports []struct {
					Protocol string
					Port     port
				}
			}
		}
	}
	decode(t, "kubernetes.yaml", &replicas, &service, &policy)
	require.Equal(t, "Deployment", replicas.Kind)
	require.Equal(t, "Service", service.Kind)
	require.Equal(t, service.Spec.Selector, replicas.Spec.Template.Metadata.Labels)
	require.Equal(t, service.Spec.Selector, replicas.Spec.Selector.MatchLabels)
	spec := replicas.Spec.Template.Spec
	program := spec.Containers[0]
	require.Equal(t, "/readyz", program.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/healthz", program.LivenessProbe.HTTPGet.Path)
	ports := map[string]int{}
	for _, port := range program.Ports {
		ports[port.Name] = port.ContainerPort
	}
	require.Equal(t, port("ops"), program.ReadinessProbe.HTTPGet.Port, "clients could keep it from being answered")
	require.Equal(t, port("ops"), program.LivenessProbe.HTTPGet.Port)
	require.Contains(t, program.Env, variable{"OPS_ADDR", fmt.Sprintf(":%d", ports["ops"])}, "the kubelet asks the address of the pod")
	require.Len(t, service.Spec.Ports, 1, "metrics and profiles are not for clients")
	require.Equal(t, "NetworkPolicy", policy.Kind)
	require.Equal(t, service.Spec.Selector, policy.Spec.PodSelector.MatchLabels)
	require.Equal(t, []string{"Ingress"}, policy.Spec.PolicyTypes)
	require.Len(t, policy.Spec.Ingress, 1)
	require.Len(t, policy.Spec.Ingress[0].Ports, 1)
	require.Equal(t, port("http"), policy.Spec.Ingress[0].Ports[0].Port)
	require.Equal(t, program.Ports[0].Name, service.Spec.Ports[0].TargetPort)
	require.Greater(t, spec.GracePeriod, 10+25, "must exceed DRAIN_DELAY plus the wait for requests in flight")
	for _, env := range program.Env {
		requireSetting(t, env.Name)
		if strings.HasSuffix(env.Name, "_FILE") {
			require.True(t, strings.HasPrefix(env.Value, program.VolumeMounts[0].MountPath+"/"))
		}
	}
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
