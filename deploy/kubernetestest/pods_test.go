package kubernetestest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	security "k8s.io/pod-security-admission/api"
	standards "k8s.io/pod-security-admission/policy"
)

func TestThePodsAreRestricted(t *testing.T) {
	m := readManifest(t)
	evaluator, err := standards.NewEvaluator(standards.DefaultChecks(), nil)
	require.NoError(t, err)
	pod := &m.deployment.Spec.Template
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		require.True(t, result.Allowed, "%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
	}
	program := m.program(t)
	require.True(t, *program.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *pod.Spec.AutomountServiceAccountToken, "the program never asks Kubernetes")
	require.Equal(t, int64(65532), *pod.Spec.SecurityContext.RunAsUser, "the user of the image")
	require.Equal(t, *pod.Spec.SecurityContext.FSGroup, *pod.Spec.SecurityContext.RunAsGroup)
	require.Equal(t, int32(0o440), *pod.Spec.Volumes[0].Secret.DefaultMode, "its group reads the secret")
}

// failsAfter returns how long a probe may fail before it counts.
func failsAfter(probe *core.Probe) time.Duration {
	return time.Duration(probe.PeriodSeconds*probe.FailureThreshold+probe.TimeoutSeconds) * time.Second
}

func TestProbesAskWhereClientsCannotKeepThemFromAnAnswer(t *testing.T) {
	m := readManifest(t)
	program := m.program(t)
	require.Equal(t, fmt.Sprintf(":%d", m.ports(t)["ops"]), m.setting(t, "OPS_ADDR"), "the kubelet asks the address of the pod")
	for path, probes := range map[string][]*core.Probe{
		"/healthz": {program.StartupProbe, program.LivenessProbe}, "/readyz": {program.ReadinessProbe},
	} {
		for _, probe := range probes {
			require.Equal(t, path, probe.HTTPGet.Path)
			require.Equal(t, intstr.FromString("ops"), probe.HTTPGet.Port)
			require.GreaterOrEqual(t, probe.TimeoutSeconds, int32(3), "/readyz asks PostgreSQL")
		}
	}
	drain, err := time.ParseDuration(m.setting(t, "DRAIN_DELAY"))
	require.NoError(t, err)
	require.Less(t, failsAfter(program.ReadinessProbe), drain, "clients would be sent to a pod that has stopped")
	require.GreaterOrEqual(t, failsAfter(program.LivenessProbe), 30*time.Second, "a pause would become a restart")
	require.GreaterOrEqual(t, failsAfter(program.StartupProbe), 10*time.Minute, "a migration of many rows would never end")
	deadline := time.Duration(*m.deployment.Spec.ProgressDeadlineSeconds) * time.Second
	require.Greater(t, deadline, failsAfter(program.StartupProbe), "the update would be reported as failed")
	const inFlight = 25 * time.Second // how long a stop waits for requests
	grace := time.Duration(*m.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	require.GreaterOrEqual(t, grace, drain+inFlight+5*time.Second, "a stop would be cut short")
}

func TestMemoryRunsOutAfterTheAlert(t *testing.T) {
	m := readManifest(t)
	rules, err := os.ReadFile("../prometheus-rules.yml")
	require.NoError(t, err)
	threshold := regexp.MustCompile(`process_resident_memory_bytes\{[^}]*\} > (\d+) \* 1024 \* 1024\n`).FindSubmatch(rules)
	require.NotNil(t, threshold)
	alert, err := strconv.Atoi(string(threshold[1]))
	require.NoError(t, err)
	hashes, err := strconv.Atoi(m.setting(t, "HASH_CONCURRENCY"))
	require.NoError(t, err)
	resources := m.program(t).Resources
	require.GreaterOrEqual(t, resources.Limits.Memory().Value()>>20, int64(alert*5/4), "the kernel would be first")
	require.GreaterOrEqual(t, resources.Requests.Memory().Value()>>20, int64(200+hashes*19), "what it takes in a flood of logins")
}

func TestAnUpdateAndADrainLeaveEnoughReplicas(t *testing.T) {
	m := readManifest(t)
	rolling := m.deployment.Spec.Strategy.RollingUpdate
	replicas, surge := int(*m.deployment.Spec.Replicas), rolling.MaxSurge.IntValue()
	require.Zero(t, rolling.MaxUnavailable.IntValue())
	require.Positive(t, surge)
	pool, err := strconv.Atoi(m.setting(t, "DATABASE_POOL_SIZE"))
	require.NoError(t, err)
	require.Less(t, (replicas+surge)*pool, 100-3, "max_connections of PostgreSQL, without those of superusers")
	require.GreaterOrEqual(t, replicas-m.budget.Spec.MaxUnavailable.IntValue(), 2)
	require.Nil(t, m.budget.Spec.MinAvailable, "it would have to follow the replicas")
}
