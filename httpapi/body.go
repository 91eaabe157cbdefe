package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxBody is the maximum length of a body, in bytes.
const maxBody = 64 << 10

// bodyErrors are the answers to bodies that ParseObject refuses.
var bodyErrors = map[error]*Error{
	errNotUTF8:   badRequest("请求体不是有效的 UTF-8", "the body is not valid UTF-8"),
	errEmpty:     badRequest("请求体为空", "the body is empty"),
	errNotJSON:   badRequest("请求体不是有效的 JSON", "the body is not valid JSON"),
	errNotObject: badRequest("请求体必须是一个 JSON 对象", "the body must be a JSON object"),
	errDuplicate: badRequest("请求体中有重复的字段", "the body has a duplicate field"),
	errTooDeep:   badRequest("JSON 嵌套不能超过 16 层", "the JSON must not nest deeper than 16 levels"),
	errSurrogate: badRequest("JSON 字符串中有孤立的代理项", "a JSON string contains a lone surrogate"),
	errNUL:       badRequest("JSON 字符串中不能有 U+0000", "a JSON string must not contain U+0000"),
}

func badRequest(zh, en string) *Error { return NewError(http.StatusBadRequest, Text{zh, en}) }

// readBody returns the body of a request that declares plain JSON or declares nothing. The result has at most
// maxBody bytes.
func readBody(c *gin.Context) ([]byte, error) {
	r := c.Request
	if !isJSON(r.Header) {
		return nil, errMediaType
	}
	if r.ContentLength > maxBody {
		return nil, errBodyTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	switch {
	case err == nil:
		return body, nil
	case isTooLarge(err):
		return nil, errBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errRequestTimeout
	}
	return nil, bodyErrors[errNotJSON] // truncated, or malformed chunks
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// isJSON checks Content-Type and Content-Encoding. A missing Content-Type counts as JSON.
func isJSON(header http.Header) bool {
	if len(header.Values("Content-Encoding")) > 0 || len(header.Values("Content-Type")) > 1 {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == "" || contentType == "application/json" {
		return true
	}
	mediaType, parameters, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return false
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(parameter), "=")
		switch {
		case name == "" && !hasValue: // a stray semicolon
		case name == "", !hasValue, strings.EqualFold(name, "charset") && !isUTF8(strings.Trim(value, `"`)):
			return false
		}
	}
	return true
}

// isUTF8 reports whether text in a charset is UTF-8, by any of the names that clients give it.
func isUTF8(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return true
	}
	return false
}
