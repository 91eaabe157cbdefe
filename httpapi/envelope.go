package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

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
	buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool has nothing else
	body, err := appendEnvelope((*buffer)[:0], code, lang.of(msg), data)
	if err != nil {
		panic(fmt.Errorf("encode the data of a response: %w", err)) // its type has no JSON
	}
	if len(body) > unchunked {
		c.Writer.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.Data(status, jsonType, body)
	if *buffer = body; cap(body) <= maxBuffer {
		buffers.Put(buffer)
	}
}

// unchunked is the size, in bytes, up to which net/http finds out the Content-Length by itself. It sends more in chunks.
const unchunked = 2 << 10

// buffers holds memory for bodies. Most responses are some 200 bytes, a list is some kilobytes.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, 256)
	return &buffer
}}

const maxBuffer = 64 << 10 // larger ones are not kept

// Stream answers with a success whose data is written piece by piece, for what may be too large for memory. Pieces calls
// its argument with each part of the JSON object. If it fails before the first, Stream returns its error; later than that
// Stream panics, which ends the connection, so that the client does not take what it has for complete.
func Stream(c *gin.Context, msg Text, pieces func(write func([]byte)) error) error {
	begun := false
	err := pieces(func(piece []byte) {
		if !begun {
			begun = true
			lang := languageOf(c.Request)
			header := c.Writer.Header()
			header["Content-Language"] = lang.header
			header.Set("Content-Type", jsonType)
			c.Status(http.StatusOK)
			piece = append(appendPrefix(nil, 0, lang.of(msg)), piece...)
		}
		_, _ = c.Writer.Write(piece) // if the client has gone, the context of the request has ended
	})
	switch {
	case err != nil && !begun:
		return err
	case err != nil:
		panic(fmt.Errorf("stream data: %w", err))
	}
	_, _ = c.Writer.WriteString("}\n")
	return nil
}

// jsonType is the Content-Type of every response in the envelope.
const jsonType = "application/json; charset=utf-8"

// appendPrefix appends what precedes the data.
func appendPrefix(dst []byte, code int, msg string) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"msg":`...)
	dst = AppendString(dst, msg)
	return append(dst, `,"data":`...)
}

func appendEnvelope(dst []byte, code int, msg string, data any) ([]byte, error) {
	dst = appendPrefix(dst, code, msg)
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
