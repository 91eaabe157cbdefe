package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"userorder/certificate"
	"userorder/httpapi"
	"userorder/settings"
	"userorder/systemd"
)

// Listen says where the service listens.
type Listen struct {
	Address string // host:port, or unix:PATH
	HTTP    string // host:port for plain HTTP, beside TLS; empty: off
	TLS     TLS
	Manager systemd.Manager
}

// TLS says which certificate clients get. The zero TLS is plain HTTP.
type TLS struct {
	CertFile, KeyFile string
	Domains           []string
	Directory         string // of the authority
	Folder            string // for the certificates of Domains
}

// On reports whether clients are served over TLS.
func (t TLS) On() bool { return t.CertFile != "" || len(t.Domains) > 0 }

const unixPrefix = "unix:" // of HOST

// unixPath returns the path of an address that is that of a Unix socket.
func unixPath(address string) (path string, ok bool) { return strings.CutPrefix(address, unixPrefix) }

// readListen reads where to listen. The defaults of the ports depend on TLS_DOMAINS.
func readListen(s *settings.Reader) Listen {
	host := settings.Value(s, "HOST", "0.0.0.0", "the address to listen on, or unix:PATH for a Unix socket", checkHostOrPath)
	port, plain := 5000, "off"
	if s.Lookup("TLS_DOMAINS") != "" {
		port, plain = 443, "80"
	}
	l := Listen{
		Address: net.JoinHostPort(host, strconv.Itoa(s.Integer("PORT", port, 0, 65535, "the port to listen on, 443 with TLS_DOMAINS; 0 is any"))),
		Manager: systemd.ReadManager(s.Lookup),
	}
	s.Lookup("SSL_CERT_FILE") // which crypto/x509 reads, for an authority of one's own
	l.TLS = TLS{
		CertFile:  s.Text("TLS_CERT_FILE", "", "certificate and its chain in PEM, for HTTPS; read again when it changes"),
		KeyFile:   s.Text("TLS_KEY_FILE", "", "private key of that certificate, in PEM"),
		Domains:   settings.Values(s, "TLS_DOMAINS", "names of the service, like shop.example.com, for certificates by ACME", parseDomain),
		Directory: settings.Value(s, "ACME_DIRECTORY", "", "the authority that they come from, Let's Encrypt by default", parseDirectory),
	}
	httpPort := settings.Value(s, "HTTP_PORT", plain, "beside HTTPS, the port that answers ACME and sends browsers to HTTPS", parseHTTPPort)
	if httpPort != "" {
		l.HTTP = net.JoinHostPort(host, httpPort)
	}
	if _, isPath := unixPath(host); isPath {
		l.Address, l.HTTP = host, ""
	}
	l.check(s)
	return l
}

// check records what does not fit together.
func (l Listen) check(s *settings.Reader) {
	_, isPath := unixPath(l.Address)
	switch {
	case (l.TLS.CertFile == "") != (l.TLS.KeyFile == ""):
		s.Fault("TLS_CERT_FILE", "and TLS_KEY_FILE must be set together")
	case l.TLS.CertFile != "" && len(l.TLS.Domains) > 0:
		s.Fault("TLS_DOMAINS", "obtains certificates, and TLS_CERT_FILE has one already: set one of them alone")
	case isPath && l.TLS.On():
		s.Fault("HOST", "is a Unix socket, which a proxy on this machine connects to: let the proxy have the certificate")
	case l.HTTP != "" && !l.TLS.On():
		s.Fault("HTTP_PORT", "is for a service with TLS_CERT_FILE or TLS_DOMAINS: PORT is the port for HTTP alone")
	}
}

// requireFolder finds the place for the certificates of TLS_DOMAINS, or makes it a fault that there is none.
func (c *Config) requireFolder(s *settings.Reader) {
	switch {
	case len(c.Listen.TLS.Domains) == 0 || len(c.databaseURLs()) == 0: // MODULES is invalid, which is reported already
	case c.SecretPath == "":
		s.Fault("TLS_DOMAINS", "is for SQLite, beside whose file it keeps the certificates: with PostgreSQL, set TLS_CERT_FILE, "+
			"or let a proxy in front of all processes have the certificate")
	default:
		c.Listen.TLS.Folder = filepath.Join(filepath.Dir(c.SecretPath), "certificates")
	}
}

// checkHostOrPath is checkHost, but also takes the path of a Unix socket.
func checkHostOrPath(host string) (string, error) {
	path, isPath := unixPath(host)
	switch {
	case !isPath:
		return checkHost(host)
	case path == "":
		return "", errors.New("needs a path, like unix:/run/userorder/userorder.sock")
	case len(path) > maxUnixPath:
		return "", fmt.Errorf("has a path of %d bytes, and systems allow %d", len(path), maxUnixPath)
	}
	return host, nil
}

// checkHost reports why HOST cannot be an address or a name to listen on.
func checkHost(host string) (string, error) {
	address, err := netip.ParseAddr(host)
	_, _, withPort := net.SplitHostPort(host)
	switch inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); {
	case err == nil && (address.IsMulticast() || host == "255.255.255.255"): // which the system would accept
		return "", errors.New("must be an address of this machine, not that of a group")
	case err == nil:
		return host, nil
	case inner != host && withPort != nil:
		return "", fmt.Errorf("must be written without brackets: %s", inner)
	case host == "*":
		return "", errors.New("must be an address: 0.0.0.0 or :: is all of this machine's")
	case strings.Contains(host, "://"), strings.Contains(host, "/"):
		return "", errors.New("must be an address or a name alone, like 127.0.0.1")
	case strings.Contains(host, ":"):
		return "", errors.New("must be an address without a port, which PORT is for")
	case strings.ContainsAny(host, " \t_%*[]@"):
		return "", errors.New("must be an address or the name of a host, like 127.0.0.1 or localhost")
	}
	return host, nil
}

// maxUnixPath is the least that Unix systems allow, 104 bytes on macOS and the BSDs, without the zero at its end.
const maxUnixPath = 103

// parseDomain returns a name that an authority gives certificates for, in the form in which it is looked up.
func parseDomain(text string) (string, error) {
	ascii, err := httpapi.DomainToASCII(strings.TrimSuffix(text, "."))
	if err != nil || net.ParseIP(text) != nil || !strings.Contains(ascii, ".") {
		return "", errors.New("takes names like shop.example.com, without a port or a wildcard")
	}
	return ascii, nil
}

// parseDirectory returns the URL of an authority. Over plain HTTP anybody on the way could pass for it.
func parseDirectory(text string) (string, error) {
	if text == "" {
		return certificate.LetsEncrypt, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "", errors.New("must be a URL like " + certificate.LetsEncrypt)
	}
	return text, nil
}

// parseHTTPPort returns a port, or "" for off.
func parseHTTPPort(text string) (string, error) {
	if strings.EqualFold(text, "off") {
		return "", nil
	}
	if port, err := strconv.ParseUint(text, 10, 16); err != nil || strconv.FormatUint(port, 10) != text {
		return "", errors.New("must be off or a port, like 80")
	}
	return text, nil
}
