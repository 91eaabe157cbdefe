package httpapi

import "golang.org/x/net/idna"

// domains maps names as they are looked up (RFC 5891, section 5) and checks the lengths of their labels.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// DomainToASCII returns the form of a domain name that is looked up: in lower case, with A-labels for others than ASCII.
// It returns an error if no such domain can exist.
func DomainToASCII(name string) (string, error) { return domains.ToASCII(name) }
