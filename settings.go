package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
)

// settings reads the environment. A setting that is empty counts as unset. Every fault is kept as one
// sentence that names the setting, so that one start shows them all. What was read is kept as well, in a form that
// may be shown.
type settings struct {
	getenv func(string) string
	faults []error
	read   []setting
}

// setting is one that was read: no secret is in it.
type setting struct {
	name, value, source string
}

// Where a setting comes from. One that stands in a file has the path of it.
const (
	fromDefault     = "default"
	fromEnvironment = "environment"
)

// errSettings is what an error about settings wraps.
var errSettings = errors.New("wrong settings")

func (s *settings) fault(name, format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf(name+" "+format+".", args...))
}

func (s *settings) err() error {
	if len(s.faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%w", errSettings, errors.Join(s.faults...))
}

// text returns a setting as it stands.
func (s *settings) text(name, fallback string) string {
	value, source := strings.TrimSpace(s.getenv(name)), fromEnvironment
	if value == "" {
		value, source = fallback, fromDefault
	}
	s.read = append(s.read, setting{name, value, source})
	return value
}

// secret returns a setting that may also stand in the file that NAME_FILE names, where a newline at the
// end is no part of it. The caller says in what form it may be shown.
func (s *settings) secret(name string) (value, source string) {
	value, path := s.getenv(name), strings.TrimSpace(s.getenv(name+"_FILE"))
	switch {
	case value == "" && path == "":
		return "", fromDefault
	case path == "":
		return value, fromEnvironment
	case value != "":
		s.fault(name, "and %s_FILE are both set: one of them is enough", name)
		return value, fromEnvironment
	}
	source = "file " + path
	text, err := os.ReadFile(path)
	if err != nil {
		s.fault(name+"_FILE", "names a file that cannot be read: %w", err)
		return "", source
	}
	value = strings.TrimRight(string(text), "\r\n")
	if value == "" {
		s.fault(name+"_FILE", "names a file that is empty: %s", path)
	}
	return value, source
}

const masked = "***"

// database returns the URL of a database. The fallback comes from another setting, or is the default.
func (s *settings) database(name, fallback, from string) string {
	value, source := s.secret(name) // it may hold a password
	if value == "" {
		value, source = fallback, from
	}
	shown := masked
	if err := database.CheckURL(value); err != nil {
		s.fault(name, "%w", err)
		value = fallback
	} else {
		shown = database.Redact(value)
	}
	s.read = append(s.read, setting{name, shown, source})
	return value
}

// key returns a secret that signs tokens, or nothing.
func (s *settings) key(name string) []byte {
	secret, source := s.secret(name)
	if secret == "" {
		s.read = append(s.read, setting{name, "", source})
		return nil
	}
	s.read = append(s.read, setting{name, masked, source})
	if err := auth.CheckSecret([]byte(secret)); err != nil {
		s.fault(name, "%w", err)
	}
	return []byte(secret)
}

// integer returns a whole number from least to most.
func (s *settings) integer(name string, fallback, least, most int) int {
	text := s.text(name, strconv.Itoa(fallback))
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		s.fault(name, "is %q but must be a whole number from %d to %d", text, least, most)
	}
	return value
}

// duration returns a time of at least least.
func (s *settings) duration(name string, fallback, least time.Duration) time.Duration {
	text := s.text(name, short(fallback))
	value, err := time.ParseDuration(text)
	if err != nil || value < least {
		s.fault(name, "is %q but must be a time of at least %s, like 90s, 15m or 1h", text, least)
	}
	return value
}

// short writes 1h for 1h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// limit returns a rate like 300/10s, or 20/1m:10, where the last number is how many may come at once; without
// it they all may.
func (s *settings) limit(name, fallback string) httpapi.Limit {
	text := s.text(name, fallback)
	rate, burst, hasBurst := strings.Cut(text, ":")
	limit, ok := parseRate(rate)
	if hasBurst {
		var err error
		limit.Burst, err = strconv.Atoi(burst)
		ok = ok && err == nil && limit.Burst >= 1 && limit.Burst <= maxCount
	}
	if !ok {
		s.fault(name, "is %q but must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10", text)
	}
	return limit
}

// failures returns a number within a time, like 5/15m.
func (s *settings) failures(name, fallback string) (count int, window time.Duration) {
	text := s.text(name, fallback)
	rate, ok := parseRate(text)
	if !ok {
		s.fault(name, "is %q but must be COUNT/TIME, like 5/15m", text)
	}
	return rate.Count, rate.Per
}

const maxCount = 1_000_000_000

func parseRate(text string) (rate httpapi.Limit, ok bool) {
	count, per, _ := strings.Cut(text, "/")
	var countErr, perErr error
	rate.Count, countErr = strconv.Atoi(count)
	rate.Per, perErr = time.ParseDuration(per)
	rate.Burst = rate.Count
	return rate, countErr == nil && perErr == nil && rate.Count >= 1 && rate.Count <= maxCount &&
		rate.Per >= time.Millisecond && rate.Per <= 24*time.Hour
}

// oneOf returns one of the words that choices has, of which the first is the default.
func (s *settings) oneOf(name string, choices ...string) string {
	value := strings.ToLower(s.text(name, choices[0]))
	if !slices.Contains(choices, value) {
		s.fault(name, "is %q but must be one of: %s", value, strings.Join(choices, ", "))
	}
	return value
}

// someOf returns a list of words that choices has, of which all are the default.
func (s *settings) someOf(name string, choices ...string) []string {
	values := s.list(name, choices...)
	if len(values) == 0 { // nothing but commas
		return choices
	}
	for _, value := range values {
		if !slices.Contains(choices, value) {
			s.fault(name, "has %q but knows only: %s", value, strings.Join(choices, ", "))
		}
	}
	return values
}

// list returns what stands between commas.
func (s *settings) list(name string, fallback ...string) (values []string) {
	for value := range strings.SplitSeq(s.text(name, strings.Join(fallback, ",")), ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// address returns where to listen, or nothing if it is off, as it is by default.
func (s *settings) address(name string) string {
	value := s.text(name, "off")
	if strings.EqualFold(value, "off") {
		return ""
	}
	_, port, err := net.SplitHostPort(value)
	if _, notNumber := strconv.ParseUint(port, 10, 16); err != nil || notNumber != nil {
		s.fault(name, "is %q but must be off or HOST:PORT, like 127.0.0.1:5001", value)
	}
	return value
}

// endpoint returns the URL of a collector, or nothing.
func (s *settings) endpoint(name string) string {
	value, shown := strings.TrimSpace(s.getenv(name)), masked
	if value == "" {
		return s.text(name, "")
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		s.fault(name, "must be a URL like http://127.0.0.1:4318")
	} else {
		shown = u.Redacted() // it may hold a password
	}
	s.read = append(s.read, setting{name, shown, fromEnvironment})
	return value
}

// networks returns a list of addresses and CIDRs.
func (s *settings) networks(name string) []string {
	values := s.list(name)
	for _, value := range values {
		address, notAddress := netip.ParseAddr(value)
		_, notPrefix := netip.ParsePrefix(value)
		if notAddress != nil && notPrefix != nil || address.Zone() != "" {
			s.fault(name, "has %q but takes networks like 10.0.0.0/8 or fd00::/8", value)
		}
	}
	return values
}

// origins returns a list of origins, written as browsers send them (RFC 6454, section 6.2): scheme, host and
// a port that is not the usual one, in lower case and with nothing behind.
func (s *settings) origins(name string) []string {
	values := s.list(name)
	for _, value := range values {
		u, err := url.Parse(value)
		if err != nil || !isOrigin(u) || value != strings.ToLower(u.Scheme+"://"+u.Host) {
			s.fault(name, "has %q but takes origins like https://shop.example.com, without a path, a usual port or a *", value)
		}
	}
	return values
}

func isOrigin(u *url.URL) bool {
	usual := map[string]string{"http": "80", "https": "443"}
	port, known := usual[u.Scheme]
	return known && u.Hostname() != "" && u.Port() != port && !strings.Contains(u.Host, "*")
}
