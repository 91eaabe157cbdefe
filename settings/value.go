package settings

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value reads a setting of a type that has a rule of its own. The error of parse is the rest of a sentence that
// begins "NAME is VALUE but".
func Value[T any](r *Reader, name, fallback, meaning string, parse func(string) (T, error)) T {
	text := r.Text(name, fallback, meaning)
	value, err := parse(text)
	if err != nil {
		r.Fault(name, "is %q but %w", text, err)
	}
	return value
}

// Values reads what stands between commas, none of it by default. The error of parse is the rest of a sentence
// that begins "NAME has ELEMENT but".
func Values[T any](r *Reader, name, meaning string, parse func(string) (T, error)) (values []T) {
	for _, text := range r.list(name, meaning) {
		value, err := parse(text)
		if err != nil {
			r.Fault(name, "has %q but %w", text, err)
		}
		values = append(values, value)
	}
	return values
}

// Integer reads a whole number from minimum to maximum.
func (r *Reader) Integer(name string, fallback, minimum, maximum int, meaning string) int {
	text := r.Text(name, strconv.Itoa(fallback), meaning)
	value, err := strconv.Atoi(text)
	if err != nil || value < minimum || value > maximum {
		r.Fault(name, "is %q but must be a whole number from %d to %d", text, minimum, maximum)
	}
	return value
}

// Duration reads a duration from minimum to maximum.
func (r *Reader) Duration(name string, fallback, minimum, maximum time.Duration, meaning string) time.Duration {
	text := r.Text(name, short(fallback), meaning)
	value, err := time.ParseDuration(text)
	if err != nil || value < minimum || value > maximum {
		r.Fault(name, "is %q but must be a time from %s to %s, like 90s, 15m or 1h", text, short(minimum), short(maximum))
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

// OneOf reads one of the words in choices, in any case. The first of them is the default.
func (r *Reader) OneOf(name, meaning string, choices ...string) string {
	value := strings.ToLower(r.Text(name, choices[0], meaning))
	if !slices.Contains(choices, value) {
		r.Fault(name, "is %q but must be one of: %s", value, strings.Join(choices, ", "))
	}
	return value
}

// SomeOf reads a list of words in choices. All of them are the default.
func (r *Reader) SomeOf(name, meaning string, choices ...string) []string {
	values := r.list(name, meaning, choices...)
	if len(values) == 0 { // nothing but commas
		return choices
	}
	for _, value := range values {
		if !slices.Contains(choices, value) {
			r.Fault(name, "has %q but knows only: %s", value, strings.Join(choices, ", "))
		}
	}
	return values
}

func (r *Reader) list(name, meaning string, fallback ...string) (values []string) {
	for value := range strings.SplitSeq(r.Text(name, strings.Join(fallback, ","), meaning), ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// Address reads HOST:PORT, or "" for off, which is the default. The error of checkHost, which gets the host unless it
// is empty, is the rest of a sentence that begins "NAME is VALUE but its host".
func (r *Reader) Address(name, meaning string, checkHost func(string) (string, error)) string {
	value := r.Text(name, "off", meaning)
	if strings.EqualFold(value, "off") {
		return ""
	}
	host, port, err := net.SplitHostPort(value)
	if _, notNumber := strconv.ParseUint(port, 10, 16); err != nil || notNumber != nil {
		r.Fault(name, "is %q but must be off or HOST:PORT, like 127.0.0.1:5001", value)
		return value
	}
	if host != "" {
		if _, err := checkHost(host); err != nil {
			r.Fault(name, "is %q but its host %w", value, err)
		}
	}
	return value
}
