package httpapi

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"
)

var (
	// domains maps names as they are looked up (RFC 5891, section 5) and checks the lengths of their labels. It does
	// not check hyphens, because names such as ab--cd.com exist.
	domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.VerifyDNSLength(true))

	// hosts maps names as browsers do (https://url.spec.whatwg.org/#concept-domain-to-ascii), which allow more of
	// ASCII.
	hosts = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.VerifyDNSLength(true),
		idna.StrictDomainName(false))
)

var errDomain = errors.New("not a domain")

// DomainToASCII returns the form of a domain name that is looked up: in lower case, with A-labels for others than ASCII.
// It returns an error if no such domain can exist.
func DomainToASCII(name string) (string, error) {
	ascii, err := domains.ToASCII(name)
	if err != nil {
		return "", err
	}
	labels, err := domains.ToUnicode(ascii)
	if dotted := "." + labels + "."; err != nil || strings.Contains(dotted, ".-") || strings.Contains(dotted, "-.") {
		return "", errDomain
	}
	return ascii, nil
}

// hostToASCII returns the form of a host name that browsers send in an origin.
func hostToASCII(name string) (string, error) {
	ascii, err := hosts.ToASCII(name)
	if err != nil || strings.ContainsAny(ascii, " #%/:<>?@[\\]^|\x7f") { // forbidden domain code points
		return "", errDomain
	}
	return ascii, nil
}
