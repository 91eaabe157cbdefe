package kubernetestest

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// peer is the other end of a connection: a pod with its labels and those of its namespace, or an address outside.
type peer struct {
	namespace, pod labels.Set
	address        string
}

// matches reports whether a rule names a peer, as the documentation of NetworkPolicy says: selectors of one entry hold together,
// and a namespaceSelector that is missing means the namespace of the policy, in which no peer here is.
func matches(t *testing.T, rule networking.NetworkPolicyPeer, p peer) bool {
	t.Helper()
	selects := func(selector *meta.LabelSelector, set labels.Set) bool {
		matching, err := meta.LabelSelectorAsSelector(selector) // nil matches nothing, and an empty one everything
		require.NoError(t, err)
		return set != nil && matching.Matches(set)
	}
	if rule.IPBlock != nil {
		require.Nil(t, rule.PodSelector)
		require.Nil(t, rule.NamespaceSelector)
		require.Empty(t, rule.IPBlock.Except)
		return p.address != "" && netip.MustParsePrefix(rule.IPBlock.CIDR).Contains(netip.MustParseAddr(p.address))
	}
	return selects(rule.NamespaceSelector, p.namespace) && (rule.PodSelector == nil || selects(rule.PodSelector, p.pod))
}

// allowed reports whether one of the rules lets a peer through to a port. Rules without peers are for all peers.
func (m manifest) allowed(t *testing.T, peers []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort, p peer, protocol core.Protocol, number int32) bool {
	t.Helper()
	named := len(peers) == 0
	for _, rule := range peers {
		named = named || matches(t, rule, p)
	}
	require.NotEmpty(t, ports, "it would open all ports")
	for _, port := range ports {
		wanted := port.Port.IntVal
		if port.Port.StrVal != "" {
			require.Contains(t, m.ports(t), port.Port.StrVal)
			wanted = m.ports(t)[port.Port.StrVal]
		}
		require.Nil(t, port.EndPort)
		if named && *port.Protocol == protocol && wanted == number {
			return true
		}
	}
	return false
}

func TestWhoReachesThePods(t *testing.T) {
	m := readManifest(t)
	require.ElementsMatch(t, []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress}, m.policy.Spec.PolicyTypes)
	of := func(name string) labels.Set { return labels.Set{core.LabelMetadataName: name} }
	const clients, ops = 5000, 5001
	for name, c := range map[string]struct {
		from peer
		port int32
		want bool
	}{
		"a client through the ingress controller": {peer{namespace: of("ingress-nginx"), pod: labels.Set{"app": "any"}}, clients, true},
		"metrics through the ingress controller":  {peer{namespace: of("ingress-nginx"), pod: labels.Set{"app": "any"}}, ops, false},
		"Prometheus":                              {peer{namespace: of("monitoring"), pod: labels.Set{"app.kubernetes.io/name": "prometheus"}}, ops, true},
		"Grafana beside it":                       {peer{namespace: of("monitoring"), pod: labels.Set{"app.kubernetes.io/name": "grafana"}}, ops, false},
		"another Prometheus":                      {peer{namespace: of("default"), pod: labels.Set{"app.kubernetes.io/name": "prometheus"}}, ops, false},
		"a pod of another team":                   {peer{namespace: of("default"), pod: labels.Set{"app": "shop"}}, clients, false},
		"an address outside":                      {peer{address: "203.0.113.7"}, clients, false},
		"an address outside, to ops":              {peer{address: "203.0.113.7"}, ops, false},
	} {
		got := false
		for _, rule := range m.policy.Spec.Ingress {
			got = got || m.allowed(t, rule.From, rule.Ports, c.from, core.ProtocolTCP, c.port)
			require.NotEmpty(t, rule.From, "it would be for everybody")
		}
		require.Equal(t, c.want, got, name)
	}
}

func TestWhatThePodsReach(t *testing.T) {
	m := readManifest(t)
	for name, c := range map[string]struct {
		to       peer
		protocol core.Protocol
		port     int32
		want     bool
	}{
		"PostgreSQL in a private network":    {peer{address: "10.1.2.3"}, core.ProtocolTCP, 5432, true},
		"PostgreSQL in the cluster":          {peer{namespace: labels.Set{"any": "one"}, pod: labels.Set{"app": "postgres"}}, core.ProtocolTCP, 5432, true},
		"another pod":                        {peer{namespace: labels.Set{"any": "one"}, pod: labels.Set{"app": "shop"}}, core.ProtocolTCP, 8080, false},
		"PostgreSQL by IPv6":                 {peer{address: "fd00::5"}, core.ProtocolTCP, 5432, true},
		"PostgreSQL elsewhere":               {peer{address: "203.0.113.7"}, core.ProtocolTCP, 5432, false},
		"DNS":                                {peer{address: "10.96.0.10"}, core.ProtocolUDP, 53, true},
		"DNS of the node":                    {peer{address: "169.254.20.10"}, core.ProtocolUDP, 53, true},
		"DNS with a long answer":             {peer{address: "10.96.0.10"}, core.ProtocolTCP, 53, true},
		"a mail server":                      {peer{address: "203.0.113.7"}, core.ProtocolTCP, 587, true},
		"a mail server by TLS":               {peer{address: "203.0.113.7"}, core.ProtocolTCP, 465, true},
		"a webhook":                          {peer{address: "203.0.113.7"}, core.ProtocolTCP, 443, true},
		"credentials of the cloud":           {peer{address: "169.254.169.254"}, core.ProtocolTCP, 80, false},
		"another service in the cluster":     {peer{address: "10.96.0.20"}, core.ProtocolTCP, 8080, false},
		"mail from here to anybody's server": {peer{address: "203.0.113.7"}, core.ProtocolTCP, 25, false},
	} {
		got := false
		for _, rule := range m.policy.Spec.Egress {
			got = got || m.allowed(t, rule.To, rule.Ports, c.to, c.protocol, c.port)
		}
		require.Equal(t, c.want, got, name)
	}
}
