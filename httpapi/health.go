package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

var errNotReady = NewError(http.StatusServiceUnavailable, Text{"未就绪", "not ready"})

func mountHealth(engine *gin.Engine, check func(context.Context) error) {
	Get(engine, "/healthz", Handle(alive))
	Get(engine, "/readyz", Handle(ready(check)))
}

// alive serves GET /healthz.
func alive(c *gin.Context) error {
	return OK(c, Text{"运行中", "alive"}, Empty{})
}

// ready serves GET /readyz.
func ready(check func(context.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := check(c.Request.Context()); err != nil {
			return fmt.Errorf("%w: %w", errNotReady, err) // the cause is for the log
		}
		return OK(c, Text{"就绪", "ready"}, Empty{})
	}
}
