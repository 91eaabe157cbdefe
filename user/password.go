package user

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"userorder/httpapi"
)

var textPassword = httpapi.Text{ZH: "须为 6 到 128 个字符", EN: "must be 6 to 128 characters long"}

// password is a password that an account may have, prepared for hashing.
type password string

const minPassword, maxPassword = 6, 128 // code points

// maxTyped is the maximum length in bytes of what may become a password: a code point composes at most four, and each of
// them has at most four bytes.
const maxTyped = 4 * 4 * maxPassword

// UnmarshalText prepares the password and checks its length, and nothing else.
func (p *password) UnmarshalText(text []byte) error {
	prepared := prepare(string(text))
	if !hasLength(prepared) {
		return textPassword
	}
	*p = password(prepared)
	return nil
}

func hasLength(plain string) bool {
	length := utf8.RuneCountInString(plain)
	return length >= minPassword && length <= maxPassword
}

// candidatesOf returns what the hash of an account may have been made of if plain is typed: the prepared password, and
// the password as it was typed, which older hashes were made of.
func candidatesOf(plain string) (candidates []string) {
	prepared := prepare(plain)
	if hasLength(prepared) {
		candidates = append(candidates, prepared)
	}
	if plain != prepared && hasLength(plain) {
		candidates = append(candidates, plain)
	}
	return candidates
}

// prepare maps a password as the OpaqueString profile does (RFC 8265, section 4.2.2): spaces of all kinds are one, and
// characters are composed, because keyboards of two devices differ in both. Unlike the profile it refuses nothing. What is
// too long anyway it returns as it is.
func prepare(plain string) string {
	if len(plain) > maxTyped {
		return plain
	}
	spaced := strings.Map(func(char rune) rune {
		if unicode.Is(unicode.Zs, char) {
			return ' '
		}
		return char
	}, plain)
	return norm.NFC.String(spaced)
}
