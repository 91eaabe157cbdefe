package mail

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// The errors of ParseURL. They contain no part of the URL: a single wrong character can turn the password into any
// other part.
var (
	errForm = errors.New("must be smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465; " +
		"USER:PASSWORD@ and the port are optional")
	errExtra = errors.New("must have nothing after the port; / ? # and % in a password are written %2F %3F %23 and %25")
	errLogin = errors.New("must have both a user and a password, or neither")
	errPort  = errors.New("must have a port from 1 to 65535")
)

// hostname matches host names; international ones must be in their ASCII form.
var hostname = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Server is an SMTP server and the account to log in with. Printing or logging it shows its URL without the password.
// The zero Server is invalid.
type Server struct {
	host, user, password string
	port                 int
	implicitTLS          bool
}

// ParseURL parses smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465; these ports are the defaults. User
// and password are percent-encoded and may both be missing. With smtps, the connection begins with TLS. With smtp, the
// server must offer STARTTLS, unless HOST is written as a loopback host (127.0.0.0/8, ::1 or localhost): such a
// connection is never encrypted.
//
// The error is the rest of a sentence that begins "SMTP_URL", and contains no part of the URL.
func ParseURL(text string) (Server, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	server := Server{port: 587}
	switch strings.ToLower(scheme) {
	case "smtp":
	case "smtps":
		server.port, server.implicitTLS = 465, true
	default:
		return Server{}, errForm
	}
	if strings.ContainsAny(rest, "/?#") {
		return Server{}, errExtra
	}
	u, err := url.Parse(text)
	if err != nil || !isHost(u.Hostname()) {
		return Server{}, errForm
	}
	server.host = u.Hostname()
	if port := u.Port(); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return Server{}, errPort
		}
		server.port = int(number)
	}
	if u.User != nil {
		server.user = u.User.Username()
		server.password, _ = u.User.Password()
		if server.user == "" || server.password == "" {
			return Server{}, errLogin
		}
	}
	return server, nil
}

// Redact returns an SMTP URL without its password, or the error of ParseURL.
func Redact(text string) (shown string, err error) {
	server, err := ParseURL(text)
	if err != nil {
		return "", err
	}
	return server.String(), nil
}

// String returns the URL with *** for the password.
func (s Server) String() string {
	scheme, login := "smtp://", ""
	if s.implicitTLS {
		scheme = "smtps://"
	}
	if s.user != "" {
		login = url.User(s.user).String() + ":***@"
	}
	return scheme + login + s.address()
}

// GoString returns what String does.
func (s Server) GoString() string { return s.String() }

// LogValue returns what String does.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// address returns HOST:PORT.
func (s Server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// isLoopback reports whether the host is written as a loopback host. It asks no resolver, which may be wrong.
func (s Server) isLoopback() bool {
	ip, err := netip.ParseAddr(s.host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(s.host, "localhost")
}

// isHost reports whether text is an IP address or may be a host name.
func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || hostname.MatchString(text)
}
