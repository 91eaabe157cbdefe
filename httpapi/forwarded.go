package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// proxies finds out who the client of a request is.
type proxies struct {
	trusted []netip.Prefix
	log     *slog.Logger

	warnedOfPeer, warnedOfElement atomic.Bool
}

// client returns the address of the client that a request comes from, the zero Addr if it is unknown. It logs one warning if
// X-Forwarded-For is ignored, for the peer may be a proxy that is missing from the settings, and one if an element of
// it cannot be read: in both cases clients share one address.
func (p *proxies) client(r *http.Request) netip.Addr {
	peer, trusted := p.peer(r)
	lines := r.Header["X-Forwarded-For"]
	if len(lines) == 0 {
		return peer
	}
	if !trusted {
		if p.warnedOfPeer.CompareAndSwap(false, true) {
			p.log.Warn("X-Forwarded-For is ignored: the peer is not in TRUSTED_PROXIES", "peer", peer.String())
		}
		return peer
	}
	client, unreadable := walk(peer, lines, p.trusted)
	if unreadable != "" && p.warnedOfElement.CompareAndSwap(false, true) {
		p.log.Warn("X-Forwarded-For has an element that is not an address: what is before it is ignored",
			"element", unreadable[:min(len(unreadable), 64)], "peer", peer.String())
	}
	return client
}

// peer returns the address of the other end of the connection, and whether that is a trusted proxy. A Unix socket is for
// proxies alone, since nobody else may open it; they have no address.
func (p *proxies) peer(r *http.Request) (address netip.Addr, trusted bool) {
	if address, ok := addressOf(r.RemoteAddr); ok {
		return address, isIn(p.trusted, address)
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return netip.Addr{}, ok && local.Network() == "unix"
}

// walk goes back through X-Forwarded-For, where each proxy adds the address of its own peer at the end, as long as it
// meets trusted proxies, of which one without an address is the first. Several lines are one list (RFC 9110, section 5.3). An element that is not an address ends the
// walk and is returned.
func walk(client netip.Addr, lines []string, trusted []netip.Prefix) (_ netip.Addr, unreadable string) {
	for last := len(lines) - 1; last >= 0; last-- {
		rest := lines[last]
		for more := true; more; {
			var element string
			if rest, element, more = cutLast(rest, ','); client.IsValid() && !isIn(trusted, client) {
				return client, ""
			}
			if element = strings.TrimSpace(element); element == "" {
				continue
			}
			next, ok := parseElement(element)
			if !ok {
				return client, element
			}
			client = next
		}
	}
	return client, ""
}

// cutLast cuts text at its last separator and reports whether there was one.
func cutLast(text string, separator byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(text, separator); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return "", text, false
}

// parseElement parses an address in any form that proxies write: 203.0.113.7, 203.0.113.7:51234, 2001:db8::1,
// [2001:db8::1], [2001:db8::1]:51234, each perhaps in quotes.
func parseElement(element string) (address netip.Addr, ok bool) {
	element = strings.Trim(element, `"`)
	bare := strings.TrimSuffix(strings.TrimPrefix(element, "["), "]")
	if address, err := netip.ParseAddr(bare); err == nil {
		return address.Unmap().WithZone(""), true
	}
	return addressOf(element)
}

// addressOf returns the address of host:port.
func addressOf(hostPort string) (address netip.Addr, ok bool) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return address, false
	}
	address, err = netip.ParseAddr(host)
	return address.Unmap().WithZone(""), err == nil
}
