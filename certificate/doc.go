// Package certificate provides the certificate that the service shows its clients: from files that somebody else renews,
// or from an authority by ACME (RFC 8555), which it renews itself. It owns when a certificate is loaded, obtained and
// replaced. It knows neither listeners nor requests.
package certificate
