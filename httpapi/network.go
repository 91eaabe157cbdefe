package httpapi

import (
	"errors"
	"net/netip"
)

var errNetwork = errors.New("takes networks like 10.0.0.0/8 or fd00::/8")

// ParseNetwork parses an address or a CIDR, without a zone. An IPv4-mapped IPv6 network is returned as IPv4.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, errNetwork
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	if bits := network.Bits() - 96; network.Addr().Is4In6() && bits >= 0 {
		network = netip.PrefixFrom(network.Addr().Unmap(), bits)
	}
	return network, nil
}

// isIn reports whether address, which is neither IPv4-mapped nor has a zone, is in one of networks.
func isIn(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
