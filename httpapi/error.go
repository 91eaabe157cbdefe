package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// Error is a failure as a client may see it. It is declared once, beside what it speaks of.
type Error struct {
	Status, Code int
	Msg          Text
	Fields       []FieldError  // what is wrong with the fields of a body, if that is it
	RetryAfter   time.Duration // how long the client had better wait, if that helps
	Limit        string        // which limit the client is over, for the log, if it is that
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Field string
	Msg   Text
}

func (e *Error) Error() string { return e.Msg.EN }

// After returns e with another RetryAfter.
func (e *Error) After(wait time.Duration) *Error {
	later := *e
	later.RetryAfter = wait
	return &later
}

// newError returns an error that is the request's or the server's fault, not the business's: its code is
// its status.
func newError(status int, zh, en string) *Error {
	return &Error{Status: status, Code: status, Msg: Text{zh, en}}
}

// NewBusinessError returns a failure that is a proper answer to a proper request: status 200, code 1.
func NewBusinessError(msg Text) *Error {
	return &Error{Status: http.StatusOK, Code: 1, Msg: msg}
}

// The failures that any route may have.
var (
	ErrNotFound         = newError(http.StatusNotFound, "接口不存在", "no such route")
	ErrMethodNotAllowed = newError(http.StatusMethodNotAllowed, "请求方法不允许", "method not allowed")
	ErrRequestTimeout   = newError(http.StatusRequestTimeout, "接收请求超时", "the request took too long to arrive")
	ErrBodyTooLarge     = newError(http.StatusRequestEntityTooLarge, "请求体不能超过 64 KiB", "the body must not exceed 64 KiB")
	ErrMediaType        = newError(http.StatusUnsupportedMediaType,
		"请求体必须是未压缩的 application/json", "the body must be application/json without a content coding")
	ErrInternal    = newError(http.StatusInternalServerError, "服务器内部错误", "internal server error")
	ErrUnavailable = newError(http.StatusServiceUnavailable,
		"服务暂不可用，请稍后重试", "service unavailable, try again later").After(2 * time.Second)
	ErrOutcomeUnknown = newError(http.StatusServiceUnavailable,
		"结果未知，请查询后再决定是否重试", "outcome unknown, look before you try again")

	errInvalidFields = newError(http.StatusBadRequest, "参数错误", "invalid fields")
)

// Invalid returns the 400 that lists what is wrong with fields.
func Invalid(fields ...FieldError) *Error {
	invalid := *errInvalidFields
	invalid.Fields = fields
	return &invalid
}

// Handle turns a handler that returns its failure into one that gin can call.
func Handle(handler func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handler(c); err != nil {
			Fail(c, err)
		}
	}
}

// Fail answers with err and ends the request. An err that is no *Error is for the log alone: the client
// gets what the engine's Translate makes of it, or a 500.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err) // for the log
	public, ok := errors.AsType[*Error](err)
	if !ok {
		public = translate(c, err)
	}
	exchangeOf(c).limit = public.Limit
	if public.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(public.RetryAfter.Seconds()))))
	}
	write(c, public.Status, public.Code, public.Msg, public.data(languageOf(c.Request)))
	c.Abort()
}

// data is {} or {"errors":[{"field":"email","msg":"…"}]}.
func (e *Error) data(lang speech) any {
	if len(e.Fields) == 0 {
		return Empty{}
	}
	type fieldError struct {
		Field string `json:"field"`
		Msg   string `json:"msg"`
	}
	var list struct {
		Errors []fieldError `json:"errors"`
	}
	for _, field := range e.Fields {
		list.Errors = append(list.Errors, fieldError{field.Field, lang.of(field.Msg)})
	}
	return list
}

// Translator says what an error that is not for clients means to them, or returns nil.
type Translator func(error) *Error

func translate(c *gin.Context, err error) *Error {
	if translator := exchangeOf(c).translate; translator != nil {
		if public := translator(err); public != nil {
			return public
		}
	}
	if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
		return ErrUnavailable // the client has gone; nobody reads this
	}
	return ErrInternal
}

// recovered turns what recover returned into an error, or nil.
func recovered(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case error:
		return fmt.Errorf("panic: %w", value)
	}
	return fmt.Errorf("panic: %v", value)
}
