package httpapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// Empty is the data of a response that has none: {}.
type Empty struct{}

// MsgFound is the message of a successful query.
var MsgFound = Text{ZH: "查询成功", EN: "found"}

// OK answers with a success. It always returns nil, for a handler to return.
func OK(c *gin.Context, msg Text, data any) error {
	write(c, http.StatusOK, 0, msg, data)
	return nil
}

func write(c *gin.Context, status, code int, msg Text, data any) {
	lang := languageOf(c.Request)
	exchangeOf(c).code = code
	c.Writer.Header()["Content-Language"] = lang.header
	body, err := appendEnvelope(make([]byte, 0, 256), code, lang.of(msg), data)
	if err != nil {
		panic(fmt.Errorf("encode the data of a response: %w", err)) // its type has no JSON
	}
	c.Data(status, "application/json; charset=utf-8", body)
}

func appendEnvelope(dst []byte, code int, msg string, data any) ([]byte, error) {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"msg":`...)
	dst = AppendString(dst, msg)
	dst = append(dst, `,"data":`...)
	switch data := data.(type) {
	case appender:
		dst = data.AppendJSON(dst)
	default:
		text, err := marshal(data)
		if err != nil {
			return nil, err
		}
		dst = append(dst, text...)
	}
	return append(dst, "}\n"...), nil // curl shows a line
}
