package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthcheck returns an error unless the service on this machine is alive. It prefers OPS_ADDR, where clients cannot
// use up the connections.
func healthcheck(ctx context.Context, cfg Config, _ invocation) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	const hint = "HOST, PORT and OPS_ADDR must be those of the service"
	transport, url := cfg.probe()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %s", err, hint)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, strings.ToLower(response.Status), hint)
	}
	return nil
}

// dial connects to localhost without looking the name up, for which a container may have neither /etc/hosts nor a resolver.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" {
		return dialer.DialContext(ctx, network, address)
	}
	connection, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		if connection, onlyIPv6 := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port)); onlyIPv6 == nil {
			return connection, nil
		}
	}
	return connection, err
}

// reachable returns the address, as it stands in a URL, at which this machine reaches a service that listens on
// address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return strings.Replace(address, "%", "%25", 1) // before a zone, in a URL
}

// probe returns how this machine asks the service whether it is alive. No proxy of the environment takes part.
func (c *Config) probe() (transport *http.Transport, url string) {
	const path = "/healthz"
	if _, port, err := net.SplitHostPort(c.OpsAddress); err == nil && port != "0" {
		return &http.Transport{DialContext: dial}, "http://" + reachable(c.OpsAddress) + path
	}
	if socket, ok := unixPath(c.Listen.Address); ok {
		return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}, "http://localhost" + path
	}
	if !c.Listen.TLS.On() {
		return &http.Transport{DialContext: dial}, "http://" + reachable(c.Listen.Address) + path
	}
	own := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it asks this machine, whose name is not in the certificate
	if domains := c.Listen.TLS.Domains; len(domains) > 0 {
		own.ServerName = domains[0]
	}
	return &http.Transport{DialContext: dial, TLSClientConfig: own}, "https://" + reachable(c.Listen.Address) + path
}
