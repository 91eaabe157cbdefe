package httpapi

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

var (
	textTwice = Text{"只能出现一次", "must be given once"}
	textCount = Text{"须为 1 到 100 的整数", "must be an integer from 1 to 100"}

	errQuery = badRequest("查询参数格式不正确", "the query is malformed")
)

// BindQuery decodes the query of a request into the struct that dst points to, by the rules of Bind: each parameter is
// a string. Unknown parameters are ignored. Every error is an *Error with the status 400.
func BindQuery(c *gin.Context, dst any) error {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	fields := reflect.ValueOf(dst).Elem()
	object := Object{}
	var faults []fieldError
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("json"), ",")
		switch values := query[name]; len(values) {
		case 0:
		case 1:
			object[name], _ = json.Marshal(values[0]) // cannot fail for a string
		default:
			faults = append(faults, fieldError{name, textTwice})
		}
	}
	if faults = append(faults, object.decode(fields)...); len(faults) > 0 {
		return invalid(faults)
	}
	return nil
}

// Count is how many elements a page of a list has at most: 1 to 100, or 20 if it is left out.
type Count int

const defaultCount, maxCountOfPage = 20, 100

// UnmarshalText accepts 1 to 100 in decimal, without a sign or leading zeros.
func (n *Count) UnmarshalText(text []byte) error {
	count, err := strconv.Atoi(string(text))
	if err != nil || count < 1 || count > maxCountOfPage || strconv.Itoa(count) != string(text) {
		return textCount
	}
	*n = Count(count)
	return nil
}

// OrDefault returns the count, or 20 for 0.
func (n Count) OrDefault() int {
	if n == 0 {
		return defaultCount
	}
	return int(n)
}
