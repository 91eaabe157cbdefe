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

// contain reports whether address is in one of networks. A text that is not an address is in none.
func contain(networks []netip.Prefix, address string) bool {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, network := range networks {
		if network.Contains(parsed.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}
