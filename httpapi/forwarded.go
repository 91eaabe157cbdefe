package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// forwarded returns what must come before gin reads X-Forwarded-For to find the address of a client: the one that a
// trusted proxy has for it, else that of the peer. It warns once of a header that does not count, because the peer may
// be a proxy of the operator's that was forgotten in the settings, behind which all clients are one.
func forwarded(cfg Config) gin.HandlerFunc {
	trusted := prefixes(cfg.TrustedProxies)
	var warned atomic.Bool
	return func(c *gin.Context) {
		if !joinLines(c.Request.Header, "X-Forwarded-For") || warned.Load() {
			return
		}
		if peer := c.RemoteIP(); !contain(trusted, peer) && warned.CompareAndSwap(false, true) {
			cfg.Log.Warn("X-Forwarded-For does not count: it came from a peer that is not in TRUSTED_PROXIES", "peer", peer)
		}
	}
}

// joinLines makes one line of a header that stands on several (RFC 9110, section 5.3), and reports whether it is
// there. gin reads the first line alone, which is the client's own where a proxy adds one for what it knows.
func joinLines(header http.Header, name string) bool {
	lines := header[name]
	if len(lines) > 1 {
		header.Set(name, strings.Join(lines, ", "))
	}
	return len(lines) > 0
}

// prefixes reads addresses and CIDRs. It leaves out what is neither, which gin refuses.
func prefixes(texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(address, address.BitLen()))
		} else if prefix, err := netip.ParsePrefix(text); err == nil {
			all = append(all, prefix)
		}
	}
	return all
}

func contain(networks []netip.Prefix, peer string) bool {
	address, err := netip.ParseAddr(peer)
	if err != nil {
		return false
	}
	for _, network := range networks {
		if network.Contains(address.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}
