package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"userorder/certificate"
	"userorder/httpapi"
)

// front is a listener and what answers on it.
type front struct {
	listener net.Listener
	handler  http.Handler
	tls      *tls.Config // nil: plain HTTP
}

// fronts returns what answers on each listener: handler on the one of the service, and redirects on the other.
func (s *service) fronts(cfg Config, l listeners, handler http.Handler) ([]front, error) {
	if s.certificates == nil {
		return []front{{listener: l.service, handler: handler}}, nil
	}
	fronts := []front{{l.service, handler, s.certificates.Config()}}
	if l.plain == nil {
		return fronts, nil
	}
	engine, err := httpapi.NewRedirect(s.http, publicPort(cfg.PublicURL, l.service.Addr()))
	if err != nil {
		return nil, err
	}
	var redirect http.Handler = engine
	if authority, ok := s.certificates.(*certificate.ACME); ok {
		redirect = authority.Challenges(engine)
	}
	return append(fronts, front{listener: l.plain, handler: redirect}), nil
}

// publicPort returns the port at which clients reach a service over TLS that listens on address: a router may map another
// port to that.
func publicPort(public string, address net.Addr) string {
	if u, err := url.Parse(public); err == nil && u.Scheme == "https" {
		if u.Port() != "" {
			return u.Port()
		}
		return "443"
	}
	_, port, _ := net.SplitHostPort(address.String())
	return port
}

// serveAll answers on all fronts until ctx ends, or one of them fails.
func serveAll(ctx context.Context, fronts []front, cfg Config, log *slog.Logger) error {
	listeners := make([]net.Listener, len(fronts))
	for i, f := range fronts {
		listeners[i] = f.listener
	}
	listeners = httpapi.BoundTogether(httpapi.Bounds{
		Total: cfg.MaxConnections, Network: cfg.Limits.Connections, Exempt: cfg.TrustedProxies,
	}, listeners...)
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range fronts {
		group.Go(func() error {
			return httpapi.Serve(ctx, listeners[i], f.handler, httpapi.ServeConfig{
				Log: log, IdleTimeout: cfg.IdleTimeout, DrainDelay: cfg.DrainDelay, TLS: f.tls,
			})
		})
	}
	return group.Wait()
}
