package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest; the outermost object is level 1.
const maxDepth = 16

// The errors of ParseObject. They say nothing of where the text comes from, which may be a body or a token.
var (
	errNotUTF8   = errors.New("not valid UTF-8")
	errEmpty     = errors.New("empty")
	errNotJSON   = errors.New("not valid JSON")
	errNotObject = errors.New("not a JSON object")
	errDuplicate = errors.New("duplicate name")
	errTooDeep   = errors.New("nested deeper than 16 levels")
	errSurrogate = errors.New("lone surrogate in a string")
	errNUL       = errors.New("U+0000 in a string")
)

// Object is a JSON object whose values are not decoded yet. They share the memory of the text.
type Object map[string]json.RawMessage

// ParseObject parses a single JSON object as strictly as I-JSON (RFC 7493) demands. Unlike encoding/json it refuses
// duplicate names and whatever is not Unicode, and also U+0000 and more than 16 levels of nesting.
func ParseObject(text []byte) (Object, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errNotUTF8
	case len(skipSpace(text)) == 0:
		return nil, errEmpty
	case !json.Valid(text): // all code below relies on valid syntax
		return nil, errNotJSON
	}
	rest := skipSpace(text)
	if rest[0] != '{' {
		return nil, errNotObject
	}
	object := Object{}
	for rest = skipSpace(rest[1:]); rest[0] != '}'; {
		length, err := checkValue(rest)
		if err != nil {
			return nil, err
		}
		name := unquote(rest[:length])
		if _, ok := object[name]; ok {
			return nil, errDuplicate
		}
		rest = skipSpace(rest[length:])
		rest = skipSpace(rest[1:]) // the colon
		if length, err = checkValue(rest); err != nil {
			return nil, err
		}
		object[name] = rest[:length:length]
		if rest = skipSpace(rest[length:]); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	return object, nil
}

// Misspelled reports whether the object has a name that differs from name in case alone. Such a name is a mistake
// or an attack: encoding/json, among others, accepts it as name.
func (o Object) Misspelled(name string) bool {
	for sent := range o {
		if sent != name && strings.EqualFold(sent, name) {
			return true
		}
	}
	return false
}

// Text returns the value of a member if it is a string.
func (o Object) Text(name string) (value string, ok bool) {
	text := o[name]
	if len(text) == 0 || text[0] != '"' {
		return "", false
	}
	return unquote(text), true
}

func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// unquote returns the value of a JSON string.
func unquote(text []byte) (value string) {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	_ = json.Unmarshal(text, &value) // cannot fail after json.Valid
	return value
}

// checkValue returns the length of the value at the start of text, which must not be the end of the text. It checks
// what json.Valid does not: the depth of nesting, and escapes that stand for no character.
func checkValue(text []byte) (length int, err error) {
	depth := 1 // inside the outer object
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return 0, errTooDeep
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i, nil // a number or a literal ends with the outer object
			}
			if depth == 1 {
				return i + 1, nil
			}
		case '"':
			length, err := checkString(text[i+1:])
			if err != nil {
				return 0, err
			}
			if i += length; depth == 1 {
				return i + 1, nil
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 1 {
				return i, nil // the end of a number or a literal
			}
		}
	}
	return 0, errNotJSON // unreachable after json.Valid
}

// checkString checks the escapes of the string whose opening quote precedes text. It returns the length of the
// string with its closing quote.
func checkString(text []byte) (length int, err error) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, nil
		case '\\':
			if text[i+1] != 'u' {
				i++
				continue
			}
			switch unit := hex4(text[i+2:]); {
			case unit == 0:
				return 0, errNUL
			case unit >= 0xDC00 && unit <= 0xDFFF:
				return 0, errSurrogate
			case unit >= 0xD800 && unit <= 0xDBFF:
				if low := escapedUnit(text[i+6:]); low < 0xDC00 || low > 0xDFFF {
					return 0, errSurrogate
				}
				i += 6
			}
			i += 5
		}
	}
	return 0, errNotJSON // unreachable after json.Valid
}

// escapedUnit returns the UTF-16 code unit of the \uXXXX at the start of text, or 0 if there is none.
func escapedUnit(text []byte) uint32 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	return hex4(text[2:])
}

// hex4 parses four hexadecimal digits.
func hex4(text []byte) (unit uint32) {
	for _, digit := range text[:4] {
		unit <<= 4
		switch {
		case digit <= '9':
			unit |= uint32(digit - '0')
		default:
			unit |= uint32(digit|0x20-'a') + 10
		}
	}
	return unit
}
