package httpapi

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/gin-gonic/gin"
)

// The faults that a field of any type may have.
var (
	textMissing   = Text{"缺少该字段", "is missing"}
	textNull      = Text{"不能为 null", "must not be null"}
	textEmpty     = Text{"不能为空", "must not be empty"}
	textString    = Text{"必须是字符串", "must be a string"}
	textWrongType = Text{"类型不正确", "has the wrong type"}
	textCase      = Text{"字段名的大小写须与此处一致", "must be written in exactly this letter case"}
)

// Bind decodes the JSON body of a request into the struct that dst points to. Every field needs a json tag. A field
// is required, and a string must not be empty, unless the tag has omitzero. Unknown members are ignored. A type
// checks its own values in UnmarshalText or UnmarshalJSON and refuses one with a Text, which the client gets to
// read. Every error is an *Error: 415, 413, 408, or a 400 that lists all invalid fields.
func Bind(c *gin.Context, dst any) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	return bind(body, dst)
}

// BindOptional is Bind for a request that may have no body, which leaves dst as it is.
func BindOptional(c *gin.Context, dst any) error {
	if c.Request.ContentLength == 0 { // whatever its Content-Type is
		return nil
	}
	body, err := readBody(c)
	if err != nil || len(body) == 0 {
		return err
	}
	return bind(body, dst)
}

func bind(body []byte, dst any) error {
	object, err := ParseObject(body)
	if err != nil {
		return bodyErrors[err]
	}
	if faults := object.decode(reflect.ValueOf(dst).Elem()); len(faults) > 0 {
		return invalid(faults)
	}
	return nil
}

// decode decodes the members of the object into the fields of a struct and returns what is wrong with them.
func (o Object) decode(dst reflect.Value) (faults []fieldError) {
	for i := range dst.NumField() {
		name, option, _ := strings.Cut(dst.Type().Field(i).Tag.Get("json"), ",")
		value, sent := o[name]
		switch {
		case o.Misspelled(name):
			faults = append(faults, fieldError{name, textCase})
		case !sent && option == "omitzero":
		default:
			if err := decodeField(value, dst.Field(i)); err != nil {
				faults = append(faults, fieldError{name, textOf(err)})
			}
		}
	}
	return faults
}

func decodeField(value json.RawMessage, dst reflect.Value) error {
	switch {
	case value == nil:
		return textMissing
	case string(value) == "null":
		return textNull
	}
	pointer := dst.Addr().Interface()
	if own, ok := pointer.(json.Unmarshaler); ok { // json.Unmarshal would scan the value once more
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

// textOf returns the part of err that a client may read.
func textOf(err error) Text {
	if text, ok := errors.AsType[Text](err); ok {
		return text
	}
	return textWrongType
}
