package user

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"

	"userorder/httpapi"
)

var textUsername = httpapi.Text{
	ZH: "须为 1 到 64 个字母、数字或常用符号，不含空格",
	EN: "must be 1 to 64 letters, digits or common symbols, without spaces",
}

// username is a name as it was typed, and the key by which names are unique.
type username struct {
	typed string
	key   string
}

// maxUsername is in code points.
const maxUsername = 64

// UnmarshalText accepts what RFC 8265 allows as a UsernameCaseMapped, and a middle dot between Han characters. It drops
// white space around the name, which phones add. Names that differ only in case or width have the same key.
func (n *username) UnmarshalText(text []byte) error {
	typed := strings.TrimSpace(string(text))
	if utf8.RuneCountInString(typed) > maxUsername {
		return textUsername
	}
	key, err := keyOf(typed)
	if err != nil || key == "" {
		return textUsername
	}
	*n = username{typed: typed, key: key}
	return nil
}

// exactKey returns the key of an account that lost its folded name to an older account when a migration made the keys
// anew: it logs in by its exact spelling only. The leading space cannot occur in a key that keyOf returns.
func (n username) exactKey() string { return " " + n.typed }

// earlierKey returns the key that releases before 1.0 made of the name, which differs for a few names: they did not fold
// final sigma or ß. Such a release may still run beside this one and register accounts.
func (n username) earlierKey() string {
	key, err := precis.UsernameCaseMapped.String(n.typed)
	if err != nil {
		return n.key
	}
	return key
}

// keyOf maps a name until it no longer changes, for one pass is not idempotent for every name, and two spellings of a
// name must not have two keys (RFC 8264, section 7). A few keys are no names themselves: those cannot be mapped again.
func keyOf(name string) (key string, err error) {
	const passes = 4
	if key, err = mapName(name); err != nil {
		return "", err
	}
	for range passes {
		again, err := mapName(key)
		if err != nil || again == key {
			return key, nil //nolint:nilerr // a key need not be a valid name
		}
		key = again
	}
	return "", textUsername
}

// usernameCaseMapped is the profile of RFC 8265, section 3.3, without its Bidi Rule, which x/text's own profile applies
// to all names.
var usernameCaseMapped = precis.NewIdentifier(precis.FoldWidth, precis.LowerCase(), precis.Norm(norm.NFC))

// mapName checks a name by the profile and folds its case on top, for lower-casing tells some variants of a name apart:
// it maps neither final to medial sigma nor ß to ss. The folding may decompose characters, so NFC comes last.
func mapName(name string) (string, error) {
	name, err := usernameCaseMapped.String(joinMiddleDots(name))
	if err != nil {
		return "", err
	}
	// Only a name with right-to-left characters is subject to the Bidi Rule (RFC 8265, section 3.3.1, step 4).
	if bidirule.DirectionString(name) != bidi.LeftToRight && !bidirule.ValidString(name) {
		return "", bidirule.ErrInvalid
	}
	return norm.NFC.String(cases.Fold().String(name)), nil
}

const (
	middleDot         = '\u00b7' // in names of people in China, such as 阿凡提·买买提
	katakanaMiddleDot = '\u30fb' // what some input methods write for it, and the profile accepts
)

// joinMiddleDots makes one character of both middle dots between Han characters.
func joinMiddleDots(name string) string {
	if !strings.ContainsRune(name, middleDot) {
		return name
	}
	chars := []rune(name)
	for i := 1; i < len(chars)-1; i++ {
		if chars[i] == middleDot && unicode.Is(unicode.Han, chars[i-1]) && unicode.Is(unicode.Han, chars[i+1]) {
			chars[i] = katakanaMiddleDot
		}
	}
	return string(chars)
}

// nameOf returns the name of an account from the columns of its row.
func nameOf(typed, key string) (name username) {
	if name.UnmarshalText([]byte(typed)) != nil { // a rule has changed since the registration
		return username{typed: typed, key: key}
	}
	return name
}
