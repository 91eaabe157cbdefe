package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest; the outermost object is level 1.
const maxDepth = 16

// What is wrong with a text that should be one JSON object.
var (
	errNotUTF8   = badRequest("请求体不是有效的 UTF-8", "the body is not valid UTF-8")
	errNotJSON   = badRequest("请求体不是有效的 JSON", "the body is not valid JSON")
	errNotObject = badRequest("请求体必须是一个 JSON 对象", "the body must be one JSON object")
	errDuplicate = badRequest("请求体中有重复的字段", "the body names a field twice")
	errTooDeep   = badRequest("JSON 嵌套不能超过 16 层", "the JSON must not nest deeper than 16 levels")
	errSurrogate = badRequest("JSON 字符串中有孤立的代理项", "a JSON string holds a lone surrogate")
	errNUL       = badRequest("JSON 字符串中不能有 U+0000", "a JSON string must not hold U+0000")
)

// Object is a JSON object whose values have not been read yet.
type Object map[string]json.RawMessage

func badRequest(zh, en string) *Error { return newError(http.StatusBadRequest, zh, en) }

// ParseObject reads one JSON object as strictly as I-JSON (RFC 7493) asks, unlike encoding/json, which
// lets the last of two equal names win and replaces what is not Unicode. Its errors are *Error, 400.
func ParseObject(text []byte) (Object, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errNotUTF8
	case !json.Valid(text): // so the grammar is no concern of what follows
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

func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// unquote returns what a JSON string says.
func unquote(text []byte) (name string) {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	_ = json.Unmarshal(text, &name) // json.Valid has seen it
	return name
}

// Misspelled reports whether the object has a name that differs from name in case alone. Such a name would
// be a mistake or a trick: encoding/json and others take it for the right one.
func (o Object) Misspelled(name string) bool {
	for sent := range o {
		if sent != name && strings.EqualFold(sent, name) {
			return true
		}
	}
	return false
}

// checkValue returns the length of the value that text, which goes on behind it, begins with. It looks at
// what json.Valid passes over: how deep the value nests, and escapes that stand for no character.
func checkValue(text []byte) (length int, err error) {
	depth := 1 // the object around the value
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return 0, errTooDeep
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i, nil // the end of the object around a number or a word
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
				return i, nil // the end of a number or a word
			}
		}
	}
	return 0, io.ErrUnexpectedEOF // json.Valid has seen the end of the object
}

// checkString checks the escapes of a string that starts at text, and returns how many bytes it takes with
// its closing quote.
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
	return 0, io.ErrUnexpectedEOF // json.Valid has seen the closing quote
}

// escapedUnit returns the UTF-16 code unit of the \uXXXX that text begins with, or 0.
func escapedUnit(text []byte) uint32 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	return hex4(text[2:])
}

// hex4 reads four hexadecimal digits.
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
