//go:build unix

package e2e

import (
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// meddler answers a request in place of the service, which is next, or passes it on.
type meddler func(w http.ResponseWriter, r *http.Request, next http.Handler)

// proxy stands between the console and the service, and passes everything on until it is told otherwise.
type proxy struct {
	meddle atomic.Pointer[meddler]
	over   chan struct{} // the test is
}

// behindProxy returns the shop as the console is to see it, and the proxy.
func (s shop) behindProxy(t *testing.T) (shop, *proxy) {
	t.Helper()
	to, err := url.Parse(s.base)
	require.NoError(t, err)
	next := httputil.NewSingleHostReverseProxy(to)
	next.ErrorLog = stdlog.New(io.Discard, "", 0) // of requests that the page has given up
	p := &proxy{over: make(chan struct{})}
	p.clear()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*p.meddle.Load())(w, r, next) }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(p.over) })
	s.base = server.URL
	return s, p
}

// on has meddle answer the requests whose path contains part.
func (p *proxy) on(part string, meddle meddler) {
	selective := meddler(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, part) {
			meddle(w, r, next)
		} else {
			next.ServeHTTP(w, r)
		}
	})
	p.meddle.Store(&selective)
}

// clear has the service answer all requests.
func (p *proxy) clear() {
	pass := meddler(func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) })
	p.meddle.Store(&pass)
}

// busy answers as the service does under too much load.
func busy(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"code":503,"msg":"service busy","data":{}}`)
}

// after returns a meddler that waits for open before it does what then does.
func (p *proxy) after(open <-chan struct{}, then meddler) meddler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-open:
			then(w, r, next)
		case <-p.over:
		}
	}
}

// late returns a meddler that has the service answer, and passes its response on when open is.
func (p *proxy) late(open <-chan struct{}, answered chan<- struct{}) meddler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		response := httptest.NewRecorder()
		next.ServeHTTP(response, r)
		answered <- struct{}{}
		select {
		case <-open:
		case <-p.over:
		}
		w.WriteHeader(response.Code)
		_, _ = w.Write(response.Body.Bytes())
	}
}
