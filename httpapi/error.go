package httpapi

import (
	"net/http"
	"time"
)

// Error is a failure in the words that a client may read. Each is declared once, beside the type that it is about.
type Error struct {
	Status, Code int // of HTTP, and of the envelope
	Msg          Text
	RetryAfter   time.Duration // sent as Retry-After, rounded up to seconds; 0 for none
	Limit        string        // name of the exceeded limit, for logs and metrics; "" for none

	fields []fieldError
	data   any // nil for {}
}

// fieldError is the fault of one field of a body.
type fieldError struct {
	name string
	msg  Text
}

// Error returns the English text.
func (e *Error) Error() string { return e.Msg.EN }

// After returns a copy of e with RetryAfter set to wait.
func (e *Error) After(wait time.Duration) *Error {
	later := *e
	later.RetryAfter = wait
	return &later
}

// With returns a copy of e that carries data, which is an object in JSON.
func (e *Error) With(data any) *Error {
	detailed := *e
	detailed.data = data
	return &detailed
}

// NewError returns an error of the request or the server: its code is its status.
func NewError(status int, msg Text) *Error {
	return &Error{Status: status, Code: status, Msg: msg}
}

// NewBusinessError returns the failure of a request that is well-formed and allowed: status 200, code 1.
func NewBusinessError(msg Text) *Error {
	return &Error{Status: http.StatusOK, Code: 1, Msg: msg}
}

// The failures that any route may have. ErrOutcomeUnknown means that a change may or may not have been made, and
// ErrUnavailable that none was.
var (
	ErrNotFound    = NewError(http.StatusNotFound, Text{"接口不存在", "no such route"})
	ErrUnavailable = NewError(http.StatusServiceUnavailable,
		Text{"服务暂不可用，请稍后重试", "service unavailable, try again later"}).After(2 * time.Second)
	ErrOutcomeUnknown = NewError(http.StatusServiceUnavailable,
		Text{"结果未知，请查询后再决定是否重试", "outcome unknown, check before you try again"})

	errMethodNotAllowed = NewError(http.StatusMethodNotAllowed, Text{"请求方法不允许", "method not allowed"})
	errRequestTimeout   = NewError(http.StatusRequestTimeout, Text{"接收请求超时", "the request took too long to arrive"})
	errBodyTooLarge     = NewError(http.StatusRequestEntityTooLarge, Text{"请求体不能超过 64 KiB", "the body must not exceed 64 KiB"})
	errMediaType        = NewError(http.StatusUnsupportedMediaType,
		Text{"请以 Content-Type: application/json 发送未压缩的请求体",
			"send the body uncompressed, with Content-Type: application/json"})
	errInternal      = NewError(http.StatusInternalServerError, Text{"服务器内部错误", "internal server error"})
	errInvalidFields = NewError(http.StatusBadRequest, Text{"参数错误", "invalid fields"})
)

// invalid returns the 400 that lists the faults of fields.
func invalid(faults []fieldError) *Error {
	err := *errInvalidFields
	err.fields = faults
	return &err
}
