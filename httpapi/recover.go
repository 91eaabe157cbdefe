package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recovering answers a panic with 500 and logs its stack. If the response has begun it aborts the connection instead,
// so that the client does not take the response for complete.
func recovering(c *gin.Context) {
	x := exchangeOf(c)
	defer func() {
		err := panicError(recover())
		if err == nil {
			return
		}
		c.Writer = x // a replaced writer may be the reason
		Annotate(c, slog.String("stack", string(debug.Stack())))
		if c.Writer.Written() {
			_ = c.Error(err)
			x.aborted = true
			panic(http.ErrAbortHandler)
		}
		Fail(c, err)
	}()
	c.Next()
}

// panicError returns the result of recover as an error, nil for nil.
func panicError(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case error:
		return fmt.Errorf("panic: %w", value)
	}
	return fmt.Errorf("panic: %v", value)
}
