package httpapi

import (
	"iter"
	"strconv"
	"strings"
)

// acceptsGzip reports whether the values of Accept-Encoding allow gzip (RFC 9110, section 12.5.3).
func acceptsGzip(values []string) bool {
	wildcard := false
	for element := range elements(values) {
		coding, parameter, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return !isZero(parameter)
		case "*":
			wildcard = !isZero(parameter)
		}
	}
	return wildcard
}

// isZero reports whether a parameter is a weight of zero, such as q=0 or Q=0.000.
func isZero(parameter string) bool {
	name, weight, _ := strings.Cut(parameter, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
	return err == nil && q == 0
}

// hasTag reports whether the values of If-None-Match name tag, by weak comparison (RFC 9110, section 13.1.2).
func hasTag(values []string, tag string) bool {
	for element := range elements(values) {
		if element == "*" || strings.TrimPrefix(element, "W/") == tag {
			return true
		}
	}
	return false
}

// elements yields the elements of a header that is a list.
func elements(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			for element := range strings.SplitSeq(value, ",") {
				if !yield(strings.Trim(element, " \t")) {
					return
				}
			}
		}
	}
}
