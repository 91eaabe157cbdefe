package order

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"userorder/httpapi"
)

// metadata is what a shop keeps with an order: a JSON object of strings, with its members in the order of their names, or
// "" for none.
type metadata string

const (
	maxMembers  = 20
	maxName     = 40      // code points
	maxValue    = 500     // code points
	maxMetadata = 4 << 10 // bytes of all names and values
)

var textMetadata = httpapi.Text{
	ZH: "须为对象：最多 20 个成员，名称 1 到 40 个字符，值为最多 500 个字符的字符串，除换行外不含控制字符，合计不超过 4 KiB",
	EN: "must be an object of at most 20 strings of 500 characters, with names of 1 to 40, no control characters but line breaks, and 4 KiB in all",
}

// UnmarshalJSON checks the object and sorts its members.
func (m *metadata) UnmarshalJSON(text []byte) error {
	object, err := httpapi.ParseObject(text)
	if err != nil || len(object) > maxMembers {
		return textMetadata
	}
	size, sorted := 0, []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value, ok := object.Text(name)
		if !ok || !validName(name) || !isLines(value, maxValue) {
			return textMetadata
		}
		size += len(name) + len(value)
		if len(sorted) > 1 {
			sorted = append(sorted, ',')
		}
		sorted = append(httpapi.AppendString(sorted, name), ':')
		sorted = httpapi.AppendString(sorted, value)
	}
	switch {
	case size > maxMetadata:
		return textMetadata
	case len(object) == 0:
		*m = ""
	default:
		*m = metadata(append(sorted, '}'))
	}
	return nil
}

func validName(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl)
}
