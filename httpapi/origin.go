package httpapi

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ParseOrigin returns an origin exactly as browsers send it (RFC 6454, section 6.2), which text must be: a scheme, a
// host and a port if it is not the default one. The scheme may be that of an app, such as capacitor. The error names the
// form that browsers send, if text has one.
func ParseOrigin(text string) (string, error) {
	sent, err := originOf(text)
	switch {
	case err != nil:
		return "", errors.New("takes origins like https://shop.example.com, without a path or a *")
	case sent != text:
		return "", fmt.Errorf("is never sent by a browser, which sends %s", sent)
	}
	return sent, nil
}

var errOrigin = errors.New("not an origin")

// originOf returns the origin of a URL without a path, as browsers serialise it.
func originOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || !isBare(u) {
		return "", errOrigin
	}
	host, usual := u.Hostname(), ""
	switch u.Scheme { // which url.Parse has put into lower case
	case "http", "https":
		usual = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		if host, err = webHost(host); err != nil {
			return "", err
		}
	case "about", "blob", "data", "file", "ftp", "javascript", "ws", "wss": // no page of theirs has an origin
		return "", errOrigin
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port() == "" {
		return u.Scheme + "://" + host, nil
	}
	number, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return "", errOrigin
	}
	if port := strconv.FormatUint(number, 10); port != usual {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

// isBare reports whether a URL has nothing but a scheme, a host and a port.
func isBare(u *url.URL) bool {
	return u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && strings.Trim(u.Path, "/") == "" &&
		!strings.ContainsAny(u.Host, "*%")
}

// webHost returns a host as browsers write it (https://url.spec.whatwg.org/#host-parsing): a name in ASCII and lower
// case, an IPv6 address in its short form, or an IPv4 address in four decimal numbers.
func webHost(host string) (string, error) {
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		if address.Is4In6() { // which netip writes with dots
			low := address.As16()
			return fmt.Sprintf("::ffff:%x:%x", uint16(low[12])<<8|uint16(low[13]), uint16(low[14])<<8|uint16(low[15])), nil
		}
		return address.String(), nil
	}
	ascii, err := hostToASCII(host)
	if err != nil {
		return "", err
	}
	parts := strings.Split(ascii, ".")
	if _, isNumber := parseNumber(parts[len(parts)-1]); isNumber {
		return shortIPv4(parts)
	}
	return ascii, nil
}

// shortIPv4 reads the forms of IPv4 addresses that browsers accept and never send, such as 0x7f.1.
func shortIPv4(parts []string) (string, error) {
	var address uint64
	for i, part := range parts {
		number, ok := parseNumber(part)
		last := i == len(parts)-1
		if !ok || len(parts) > 4 || !last && number > 255 || last && number >= 1<<(8*(5-len(parts))) {
			return "", errors.New("not an address")
		}
		if !last {
			number <<= 8 * (3 - i)
		}
		address |= number
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), nil
}

// parseNumber parses a decimal, octal (017) or hexadecimal (0xf) number.
func parseNumber(text string) (number uint64, ok bool) {
	if text == "0x" {
		return 0, true
	}
	number, err := strconv.ParseUint(text, 0, 32)
	return number, err == nil && !strings.Contains(text, "_")
}
