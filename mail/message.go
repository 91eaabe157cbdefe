package mail

import (
	"crypto/rand"
	"errors"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// errAddress is the error of ParseAddress.
var errAddress = errors.New("must be one address, like no-reply@shop.example or Shop <no-reply@shop.example>")

// Message is a mail to one recipient.
type Message struct {
	To      string // an address as ParseAddress takes it
	Subject string // one line of UTF-8
	Text    string // plain text in UTF-8, with \n or \r\n
}

// ParseAddress parses one address, with or without a display name, in ASCII or UTF-8 (RFC 5322, RFC 6532). It refuses
// control characters, also encoded ones. The error is the rest of a sentence that begins "MAIL_FROM is VALUE but", and
// does not repeat the address.
func ParseAddress(text string) (netmail.Address, error) {
	address, err := netmail.ParseAddress(text)
	if err != nil || !isLine(text) || !isLine(address.Name) { // encoded words may hide line breaks
		return netmail.Address{}, errAddress
	}
	return *address, nil
}

// compose returns the message for all tries, so that a mail that arrives twice has the same Message-ID. The error is a
// permanent *failure.
func compose(from netmail.Address, message *Message) (*gomail.Msg, error) {
	to, err := ParseAddress(message.To)
	if err != nil {
		return nil, &failure{reason: "the recipient is not an address", permanent: true}
	}
	if !isLine(message.Subject) {
		return nil, &failure{reason: "the subject is not a line of text", permanent: true}
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&from)
	m.ToMailAddress(&to)
	m.Subject(message.Subject)
	m.SetDate()
	m.SetMessageIDWithValue(rand.Text() + "@" + domainOf(from))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: out-of-office programs do not answer it
	m.SetBodyString(gomail.TypeTextPlain, strings.ToValidUTF8(message.Text, "\ufffd"))
	return m, nil
}

// domainOf returns the sender's domain, for Message-ID and EHLO. The host name would reveal more, and is rarely a full
// domain, which some servers demand. Both must be ASCII.
func domainOf(from netmail.Address) string {
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	if !isASCII(domain) {
		return "mail.invalid"
	}
	return domain
}

// isLine reports whether text is UTF-8 without control characters.
func isLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(char rune) bool { return char >= utf8.RuneSelf })
}
