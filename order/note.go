package order

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"userorder/httpapi"
)

const maxNote = 200 // code points

var textNote = httpapi.Text{
	ZH: "须为最多 200 个字符的字符串，除换行外不含控制字符",
	EN: "must be a string of at most 200 characters, without control characters other than line breaks",
}

// note is what the actor says about a change.
type note string

// UnmarshalJSON accepts an empty note, too.
func (n *note) UnmarshalJSON(text []byte) error {
	var value string
	if json.Unmarshal(text, &value) != nil || !isLines(value, maxNote) {
		return textNote
	}
	*n = note(value)
	return nil
}

// isLines reports whether a text has limit code points at most, and no control characters other than line breaks.
func isLines(text string, limit int) bool {
	isForbidden := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' }
	return utf8.RuneCountInString(text) <= limit && !strings.ContainsFunc(text, isForbidden)
}
