package user

import (
	"strings"
	"unicode"

	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"

	"userorder/httpapi"
)

var textEmail = httpapi.Text{ZH: "须为一个有效的邮箱地址", EN: "must be one valid e-mail address"}

// email is one plain addr-spec (RFC 5322, section 3.4.1): no display name, no comment, no quotes.
type email string

// The limits are those of RFC 5321, in bytes.
const maxEmail, maxLocalPart = 254, 64

// dots replaces the characters that a domain may have for a dot (UTS #46, section 2.3), which the validator does not
// know.
var dots = strings.NewReplacer("。", ".", "．", ".", "｡", ".")

// UnmarshalText leaves the syntax to the validator that comes with gin, and checks what that lets pass: characters that
// nobody sees and domains that cannot exist.
func (e *email) UnmarshalText(text []byte) error {
	validate := binding.Validator.Engine().(*validator.Validate)
	address := string(text)
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > maxLocalPart || len(address) > maxEmail || strings.ContainsRune(address, '"') {
		return textEmail
	}
	if _, err := httpapi.DomainToASCII(address[at+1:]); err != nil { // quadratic in the length
		return textEmail
	}
	dotted := address[:at] + dots.Replace(address[at:])
	switch {
	case strings.ContainsFunc(address, isInvisible), validate.Var(dotted, "email") != nil:
		return textEmail
	}
	*e = email(address)
	return nil
}

// blanks are symbols that look like a space: BRAILLE PATTERN BLANK and IDEOGRAPHIC HALF FILL SPACE.
const blanks = "\u2800\u303f"

// isInvisible reports whether a character is a space, a control or a format character, or one that stands for nothing.
func isInvisible(char rune) bool {
	return !unicode.IsGraphic(char) || unicode.IsSpace(char) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, char) ||
		unicode.Is(unicode.Variation_Selector, char) || strings.ContainsRune(blanks, char)
}
