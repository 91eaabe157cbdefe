// Package kubernetestest checks kubernetes.yaml with the types of Kubernetes' API and its Pod Security Standards. It is a module
// of its own, since the service needs neither. No cluster is asked. Run it with go test -count 1: go test does not notice that
// a file outside the module has changed.
package kubernetestest

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// manifest is what kubernetes.yaml holds.
type manifest struct {
	deployment apps.Deployment
	service    core.Service
	budget     disruption.PodDisruptionBudget
	policy     networking.NetworkPolicy
}

// readManifest fails on a field or a kind that it does not know, and on a key that is there twice.
func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	file, err := os.Open("../kubernetes.yaml")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	known := map[meta.TypeMeta]meta.Object{
		{APIVersion: "apps/v1", Kind: "Deployment"}:                 &m.deployment,
		{APIVersion: "v1", Kind: "Service"}:                         &m.service,
		{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:      &m.budget,
		{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}: &m.policy,
	}
	documents := yaml.NewDocumentDecoder(file)
	buffer := make([]byte, 64<<10)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var kind meta.TypeMeta
		require.NoError(t, strict.Unmarshal(buffer[:n], &kind))
		object := known[kind]
		require.NotNil(t, object, "%v is there twice, or unknown", kind)
		delete(known, kind)
		require.NoError(t, strict.UnmarshalStrict(buffer[:n], object), kind)
		require.Empty(t, validation.IsDNS1123Label(object.GetName()), kind)
	}
	require.Empty(t, known, "missing")
	return m
}

// program returns the only container of the pods.
func (m manifest) program(t *testing.T) core.Container {
	t.Helper()
	require.Len(t, m.deployment.Spec.Template.Spec.Containers, 1)
	return m.deployment.Spec.Template.Spec.Containers[0]
}

// setting returns the value of a setting of the program.
func (m manifest) setting(t *testing.T, name string) string {
	t.Helper()
	for _, variable := range m.program(t).Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	require.FailNow(t, "not set", name)
	return ""
}

// ports returns the ports of the program by name.
func (m manifest) ports(t *testing.T) map[string]int32 {
	t.Helper()
	ports := map[string]int32{}
	for _, port := range m.program(t).Ports {
		require.Empty(t, validation.IsValidPortName(port.Name), port.Name)
		ports[port.Name] = port.ContainerPort
	}
	return ports
}

func TestEverySelectorMatchesThePods(t *testing.T) {
	m := readManifest(t)
	pods := m.deployment.Spec.Template.Labels
	selectors := map[string]*meta.LabelSelector{
		"deployment": m.deployment.Spec.Selector, "budget": m.budget.Spec.Selector, "policy": &m.policy.Spec.PodSelector,
		"service": meta.SetAsLabelSelector(m.service.Spec.Selector),
	}
	for _, apart := range m.deployment.Spec.Template.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		selectors[apart.PodAffinityTerm.TopologyKey] = apart.PodAffinityTerm.LabelSelector
	}
	require.Contains(t, selectors, core.LabelHostname)
	require.Contains(t, selectors, core.LabelTopologyZone)
	for name, selector := range selectors {
		matching, err := meta.LabelSelectorAsSelector(selector)
		require.NoError(t, err, name)
		require.False(t, matching.Empty(), "%s matches every pod", name)
		require.True(t, matching.Matches(labels.Set(pods)), name)
	}
}

func TestEverySettingExistsAndEverySecretIsMounted(t *testing.T) {
	m := readManifest(t)
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	manual, err := os.ReadFile("../kubernetes.yaml")
	require.NoError(t, err)
	program, volumes := m.program(t), m.deployment.Spec.Template.Spec.Volumes
	require.Len(t, program.VolumeMounts, 1)
	require.Len(t, volumes, 1)
	require.Equal(t, volumes[0].Name, program.VolumeMounts[0].Name)
	require.Contains(t, string(manual), "#   kubectl create secret generic "+volumes[0].Secret.SecretName+" ", "nobody makes it")
	for _, variable := range program.Env {
		name, secret := strings.CutSuffix(variable.Name, "_FILE")
		require.Contains(t, string(text), "`"+name+"`")
		if secret {
			key, below := strings.CutPrefix(variable.Value, program.VolumeMounts[0].MountPath+"/")
			require.True(t, below, variable.Value)
			require.Contains(t, string(manual), "--from-literal="+key+"=", "nobody makes it")
		}
	}
}

func TestTheImageIsOneRelease(t *testing.T) {
	require.Regexp(t, `^[a-z0-9-]+(\.[a-z0-9-]+)+/[a-z0-9/-]+:v[0-9]+\.[0-9]+\.[0-9]+$`, readManifest(t).program(t).Image)
}

func TestTheServiceLeadsToClientsPortAlone(t *testing.T) {
	m := readManifest(t)
	require.Len(t, m.service.Spec.Ports, 1, "metrics and profiles are not for clients")
	require.Equal(t, "http", m.service.Spec.Ports[0].TargetPort.StrVal)
	require.Equal(t, int32(5000), m.ports(t)["http"], "the default of PORT")
}
