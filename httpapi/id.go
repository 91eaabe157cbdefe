package httpapi

import (
	"encoding/json"
	"strconv"
)

var textID = Text{"必须是正整数编号", "must be a positive integer id"}

// ParseID parses an id in a path or a token: [1-9][0-9]{0,18} within int64.
func ParseID(text string) (id int64, ok bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0 && text[0] != '0' && text[0] != '+'
}

// ID is an id in a body: a decimal string, as in responses, or a JSON integer.
type ID int64

// UnmarshalJSON accepts "12" and 12, but not "012", 12.0 or 1e1, and returns a Text for them.
func (id *ID) UnmarshalJSON(text []byte) error {
	digits := string(text)
	if text[0] == '"' {
		if err := json.Unmarshal(text, &digits); err != nil {
			return textID
		}
	}
	parsed, ok := ParseID(digits)
	if !ok {
		return textID
	}
	*id = ID(parsed)
	return nil
}
