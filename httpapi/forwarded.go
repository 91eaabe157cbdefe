package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// trustProxies makes engine trust the X-Forwarded-For of the proxies, and returns them parsed.
func trustProxies(engine *gin.Engine, proxies []string) (trusted []netip.Prefix, err error) {
	var texts []string
	for _, proxy := range proxies {
		network, err := ParseNetwork(proxy)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: %w", proxy, err)
		}
		trusted, texts = append(trusted, network), append(texts, network.String())
	}
	return trusted, engine.SetTrustedProxies(texts) // nil trusts none
}

// forwarded returns a handler that prepares X-Forwarded-For for gin, which takes the client's address from it if the
// peer is a trusted proxy. It logs one warning if the header is ignored: the peer may be a proxy that is missing from
// the settings, and then all its clients share one address.
func forwarded(log *slog.Logger, trusted []netip.Prefix) gin.HandlerFunc {
	var warned atomic.Bool
	return func(c *gin.Context) {
		if !joinLines(c.Request.Header, "X-Forwarded-For") || warned.Load() {
			return
		}
		if peer := c.RemoteIP(); !contain(trusted, peer) && warned.CompareAndSwap(false, true) {
			log.Warn("X-Forwarded-For is ignored: the peer is not in TRUSTED_PROXIES", "peer", peer)
		}
	}
}

// joinLines joins the lines of a header into one (RFC 9110, section 5.3) and reports whether the header is present.
// gin reads the first line only, which a client can forge where its proxy appends a line.
func joinLines(header http.Header, name string) bool {
	lines := header[name]
	if len(lines) > 1 {
		header.Set(name, strings.Join(lines, ", "))
	}
	return len(lines) > 0
}
