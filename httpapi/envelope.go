// Package httpapi is the HTTP floor: the envelope around every answer, errors and their statuses, the
// strict reading of JSON bodies, the engine with its middleware, and the server's life. It must not know
// any module, any token or any database.
package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Envelope is the body of every answer. Code is 0 for a success, 1 for a failure in the business, else the
// HTTP status.
type Envelope struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data"`
}

// Empty is the data of an answer that has nothing more to say: {}.
type Empty struct{}

// OK answers with a success. It always returns nil, so that a handler can end with it.
func OK(c *gin.Context, msg Text, data any) error {
	write(c, http.StatusOK, 0, msg, data)
	return nil
}

func write(c *gin.Context, status, code int, msg Text, data any) {
	lang := languageOf(c.Request)
	c.Header("Content-Language", lang.tag)
	c.PureJSON(status, Envelope{Code: code, Msg: lang.of(msg), Data: data})
}
