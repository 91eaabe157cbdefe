package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// The errors of ParseURL. They contain no part of the URL: a single wrong character can turn the password into any
// other part.
var (
	errForm      = errors.New("must be like https://shop.example/hook")
	errCharacter = errors.New("must consist of visible ASCII characters; others are written like %20, and a comma is %2C")
	errScheme    = errors.New("must begin with https://, or with http:// for a loopback or private address")
	errFragment  = errors.New("must have no fragment; # in a password is written %23")
	errAt        = errors.New("must have no @ after the host; there it is written %40, and / ? in a password are %2F %3F")
	errLogin     = errors.New("must have a user and a password that fit Basic authentication: no control characters, no colon in the user")
	errPort      = errors.New("must have a port from 1 to 65535")
	errPublic    = errors.New("must begin with https://: its address is neither loopback nor private")
	errTwice     = errors.New("must not have a URL twice")
)

// hostname matches host names; international ones must be in their ASCII form.
var hostname = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Endpoint is the URL of a receiver. Endpoints of the same URL are equal, even if one was written with the default port,
// or with its scheme or host in upper case. Printing or logging it shows the URL without its user part and query. The
// zero Endpoint is invalid.
type Endpoint struct{ url, shown string }

// ParseURL parses the absolute URL of a receiver, without a fragment. It must be https, or http if its host is a loopback
// or private address, or a name: what address a name has is checked by each connection. The user part is for Basic
// authentication (RFC 7617).
//
// The error is the rest of a sentence that begins with the name of a setting, and contains no part of the URL.
func ParseURL(text string) (Endpoint, error) {
	if strings.ContainsFunc(text, func(char rune) bool { return char <= ' ' || char > '~' }) {
		return Endpoint{}, errCharacter
	}
	if strings.Contains(text, "#") {
		return Endpoint{}, errFragment
	}
	u, err := url.Parse(text)
	if err != nil {
		return Endpoint{}, errForm
	}
	if err := check(u); err != nil {
		return Endpoint{}, err
	}
	u.Host = canonicalHost(u)
	return Endpoint{u.String(), mask(u)}, nil
}

// ParseURLs parses URLs that are separated by commas. It drops the white space around each, and empty ones.
//
// The error is that of ParseURL and tells which URL it is about.
func ParseURLs(text string) (all []Endpoint, err error) {
	texts := strings.Split(text, ",")
	seen := map[Endpoint]bool{}
	for i, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		endpoint, err := ParseURL(text)
		if err == nil && seen[endpoint] {
			err = errTwice
		}
		switch {
		case err == nil:
		case len(texts) > 1:
			return nil, fmt.Errorf("%w (number %d of %d)", err, i+1, len(texts))
		default:
			return nil, err
		}
		seen[endpoint] = true
		all = append(all, endpoint)
	}
	return all, nil
}

// check returns an error unless a message may be sent to u.
func check(u *url.URL) error {
	_, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return errScheme
	case u.Opaque != "" || err != nil && !hostname.MatchString(u.Hostname()):
		return errForm
	case strings.Contains(u.EscapedPath()+u.RawQuery, "@"):
		return errAt
	case u.User != nil && !isLogin(u.User):
		return errLogin
	case u.Port() != "" && !isPort(u.Port()):
		return errPort
	case u.Scheme == "http" && err == nil && !isPrivate(u.Hostname()):
		return errPublic
	}
	return nil
}

// isLogin reports whether user can be sent by Basic authentication (RFC 7617, section 2).
func isLogin(user *url.Userinfo) bool {
	name := user.Username()
	password, _ := user.Password()
	return name+password != "" && !strings.Contains(name, ":") &&
		!strings.ContainsFunc(name+password, func(char rune) bool { return char < ' ' || char == 0x7f })
}

func isPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return err == nil && number > 0
}

// isPrivate reports whether host is a loopback or private address (RFC 1918, RFC 4193). Link-local addresses are not:
// clouds tell machines their credentials there.
func isPrivate(host string) bool {
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	return err == nil && (ip.IsLoopback() || ip.IsPrivate())
}

// canonicalHost returns the host of u in lower case and its port, unless that is the default one.
func canonicalHost(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":")
	if u.Scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// mask returns u with *** for its user part and its query.
func mask(u *url.URL) string {
	shown := url.URL{Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	text := strings.TrimPrefix(shown.String(), "//")
	if u.User != nil {
		text = masked + "@" + text
	}
	if u.RawQuery != "" {
		text += "?" + masked
	}
	return u.Scheme + "://" + text
}

// String returns the URL with *** for its user part and its query.
func (e Endpoint) String() string { return e.shown }

// GoString returns what String does.
func (e Endpoint) GoString() string { return e.shown }

// LogValue returns what String does.
func (e Endpoint) LogValue() slog.Value { return slog.StringValue(e.shown) }

// Key returns the SHA-256 of the whole URL in lower-case hexadecimal: a name to store it by, which changes with the user
// part and the query.
func (e Endpoint) Key() string {
	sum := sha256.Sum256([]byte(e.url))
	return hex.EncodeToString(sum[:])
}
