package httpapi

import (
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxBody is the most that a body may have, in bytes.
const maxBody = 64 << 10

// What is wrong with a field as such, whatever it is for.
var (
	textMissing   = Text{"缺少该字段", "is missing"}
	textNull      = Text{"不能为 null", "must not be null"}
	textEmpty     = Text{"不能为空", "must not be empty"}
	textString    = Text{"必须是字符串", "must be a string"}
	textWrongType = Text{"类型不正确", "has the wrong type"}
	textCase      = Text{"字段名大小写不正确", "is written in another case"}
)

// Bind reads the JSON body of a request into the struct at dst. Each field has a json tag and is required,
// and not empty if it is a string, unless its tag says omitzero; fields that dst does not have are ignored.
// A type that has rules of its own refuses a value in UnmarshalText or UnmarshalJSON with a Text. The
// errors of Bind are *Error: 415, 413, 408, or 400, which lists every bad field at once.
func Bind(c *gin.Context, dst any) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	object, err := ParseObject(body)
	if err != nil {
		return err
	}
	if invalid := object.decode(reflect.ValueOf(dst).Elem()); len(invalid) > 0 {
		return Invalid(invalid...)
	}
	return nil
}

// readBody reads the body of a request that says, or leaves open, that it is plain JSON. It is never longer
// than maxBody.
func readBody(c *gin.Context) ([]byte, error) {
	r := c.Request
	if !isJSON(r.Header) {
		return nil, ErrMediaType
	}
	if r.ContentLength > maxBody {
		return nil, ErrBodyTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	switch {
	case err == nil:
		return body, nil
	case isTooLarge(err):
		return nil, ErrBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ErrRequestTimeout
	}
	return nil, errNotJSON // cut off, or broken chunks
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// isJSON judges Content-Type and Content-Encoding. A missing Content-Type is read as JSON.
func isJSON(header http.Header) bool {
	if len(header.Values("Content-Encoding")) > 0 || len(header.Values("Content-Type")) > 1 {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == "" || contentType == "application/json" {
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	charset, ok := parameters["charset"]
	return err == nil && mediaType == "application/json" && (!ok || strings.EqualFold(charset, "utf-8"))
}

// decode reads the values of the object into the fields of a struct and returns what is wrong with them.
func (o Object) decode(dst reflect.Value) (invalid []FieldError) {
	for i := range dst.NumField() {
		name, option, _ := strings.Cut(dst.Type().Field(i).Tag.Get("json"), ",")
		value, sent := o[name]
		switch {
		case o.Misspelled(name):
			invalid = append(invalid, FieldError{name, textCase})
		case !sent && option == "omitzero":
		default:
			if err := decodeField(value, dst.Field(i)); err != nil {
				invalid = append(invalid, FieldError{name, textOf(err)})
			}
		}
	}
	return invalid
}

func decodeField(value json.RawMessage, dst reflect.Value) error {
	switch {
	case value == nil:
		return textMissing
	case string(value) == "null":
		return textNull
	}
	pointer := dst.Addr().Interface()
	if own, ok := pointer.(json.Unmarshaler); ok { // encoding/json would read the value once more to find its end
		return own.UnmarshalJSON(value)
	}
	text, isText := pointer.(encoding.TextUnmarshaler)
	switch {
	case !isText && dst.Kind() != reflect.String:
		return json.Unmarshal(value, pointer)
	case value[0] != '"':
		return textString
	case !isText:
		dst.SetString(unquote(value))
	default:
		if err := text.UnmarshalText([]byte(unquote(value))); err != nil {
			return err
		}
	}
	if dst.Kind() == reflect.String && dst.Len() == 0 {
		return textEmpty
	}
	return nil
}

// textOf is what a client may know of why a value was refused.
func textOf(err error) Text {
	if text, ok := errors.AsType[Text](err); ok {
		return text
	}
	return textWrongType
}
