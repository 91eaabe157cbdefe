package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"userorder/certificate"
	"userorder/doctor"
)

// checkProxy asks the service as clients do. Whether TRUSTED_PROXIES fits can be told only if it is empty or everybody's.
func checkProxy(ctx context.Context, cfg Config) (found []doctor.Finding) {
	for _, network := range cfg.TrustedProxies {
		if network.Bits() == 0 {
			found = append(found, doctor.Fail("name the addresses of the proxies alone",
				"TRUSTED_PROXIES has %s: any client may pass itself off as another, past all limits", network))
		}
	}
	if cfg.PublicURL == "" {
		return append(found, doctor.Well("PUBLIC_URL is not set: not checked"))
	}
	began := time.Now()
	leaf, err := askPublic(ctx, cfg.PublicURL)
	if err != nil {
		return append(found, doctor.Fail("look into the proxy, DNS and the certificate, or correct PUBLIC_URL", "%s", err))
	}
	took := time.Since(began).Round(time.Millisecond)
	if leaf != nil && certificate.CheckRenewal(leaf, began) != nil {
		found = append(found, doctor.Warn("renew it", "the certificate of %s expires in %s", cfg.PublicURL, time.Until(leaf.NotAfter).Round(time.Hour)))
	}
	if isProxied(cfg.PublicURL, cfg.Listen) && len(cfg.TrustedProxies) == 0 {
		found = append(found, doctor.Warn("set TRUSTED_PROXIES to the addresses from which the proxy connects",
			"%s seems to lead through a proxy, and TRUSTED_PROXIES is empty: all clients share the limits of one address", cfg.PublicURL))
	}
	if found == nil {
		found = append(found, doctor.Well("%s/healthz answers in %s", cfg.PublicURL, took))
	}
	return found
}

// isProxied reports whether a URL hardly leads to the service itself, which
// speaks HTTP without TLS on a port of its own. It may: a container or a router can map another port to that.
func isProxied(public string, own Listen) bool {
	u, err := url.Parse(public)
	if _, isPath := unixPath(own.Address); err != nil || isPath || own.TLS.On() {
		return false // the proxy at a Unix socket needs no setting
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	_, ownPort, _ := net.SplitHostPort(own.Address)
	return u.Scheme == "https" || port != ownPort
}

// askPublic asks the service at a URL whether it is alive, and requires that it is the service that answers. It returns the
// certificate, if there is one.
func askPublic(ctx context.Context, public string) (leaf *x509.Certificate, err error) {
	const maxAnswer = 64 << 10
	address := strings.TrimSuffix(public, "/") + "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return leaf, err
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // and no proxy of the environment
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return leaf, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	var envelope struct {
		Code *int            `json:"code"`
		Data json.RawMessage `json:"data"`
	}
	switch {
	case err != nil:
		return leaf, err
	case response.StatusCode != http.StatusOK:
		return leaf, errors.New(address + " answers " + strings.ToLower(response.Status))
	case json.Unmarshal(text, &envelope) != nil || envelope.Code == nil || *envelope.Code != 0 || response.Header.Get("X-Request-Id") == "":
		return leaf, errors.New(address + " is answered by another program")
	}
	if state := response.TLS; state != nil && len(state.PeerCertificates) > 0 {
		leaf = state.PeerCertificates[0]
	}
	return leaf, nil
}
