package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress returns the address of the client that a request comes from: that of the peer, or what trusted proxies
// say in X-Forwarded-For, of which each adds the address of its own peer at the end. Unreadable is an element that is no
// address, if the walk through the header ended at one: then the address is that of the proxy which wrote it. The
// address is invalid if the peer has none.
func clientAddress(r *http.Request, trusted []netip.Prefix) (client netip.Addr, unreadable string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return client, ""
	}
	client, err = netip.ParseAddr(host)
	if err != nil {
		return client, ""
	}
	lines := r.Header["X-Forwarded-For"] // several lines are one list (RFC 9110, section 5.3)
	for len(lines) > 0 && isTrusted(client, trusted) {
		last := len(lines) - 1
		before, element, several := cutLast(lines[last], ',')
		if lines = lines[:last]; several {
			lines = append(lines[:last:last], before)
		}
		element = strings.TrimSpace(element)
		if element == "" {
			continue
		}
		next, ok := parseForwarded(element)
		if !ok {
			return client, element
		}
		client = next
	}
	return client, ""
}

// cutLast cuts text around the last separator.
func cutLast(text string, separator byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(text, separator); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return "", text, false
}

// parseForwarded reads an address in any form that proxies write: 203.0.113.7, 203.0.113.7:51234, 2001:db8::1,
// [2001:db8::1], [2001:db8::1]:51234, each perhaps in quotes.
func parseForwarded(element string) (address netip.Addr, ok bool) {
	element = strings.Trim(element, `"`)
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(element, "["), "]")); err == nil {
		return address.WithZone(""), true
	}
	host, _, err := net.SplitHostPort(element)
	if err != nil {
		return address, false
	}
	address, err = netip.ParseAddr(host)
	return address.WithZone(""), err == nil
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	address = address.Unmap().WithZone("")
	for _, network := range trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
