// Package limits measures the best that the machine and the libraries can do: HTTP servers with constant responses, disk
// flushes, and password hashes, each without the rest of the service.
package limits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
)

const (
	contentType = "application/json; charset=utf-8"
	order       = `{"id":"1000","userid":"100","product":"product1","price":100.0,"status":"created","created_at":"2026-01-02T03:04:05.678Z","updated_at":"2026-01-02T03:04:05.678Z","version":1}`
	found       = `{"code":0,"msg":"查询成功","data":` + order + "}\n"
	created     = `{"code":0,"msg":"创建成功","data":` + order + "}\n"
	cancelled   = `{"code":0,"msg":"取消成功","data":{}}` + "\n"
	account     = `{"code":0,"msg":"查询成功","data":{"userid":"100","username":"user100","email":"user100@example.com"}}` + "\n"
)

// listed is a list of 20 orders.
var listed = `{"code":0,"msg":"查询成功","data":{"orders":[` + strings.Repeat(order+",", 19) + order + `],"next":"1000"}}` + "\n"

// Bare returns a handler on net/http alone. Its responses are constants of the same size as the service's. It reads request
// bodies and ignores tokens.
func Bare() http.Handler {
	answers := map[string][]byte{http.MethodGet: []byte(found), http.MethodPost: []byte(created), http.MethodDelete: []byte(cancelled)}
	info, list, length := []byte(account), []byte(listed), strconv.Itoa(len(listed))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[r.Method]
		switch r.URL.Path {
		case "/user/info":
			answer = info
		case "/order/list":
			answer = list
			w.Header().Set("Content-Length", length) // net/http adds it to short responses only
		}
		if r.Method == http.MethodPost {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(answer)
	})
}

// Gin returns a handler on gin and golang-jwt. It verifies the token, routes the request, and sends the same responses as
// Bare.
func Gin(secret []byte) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return secret, nil } //nolint:unparam // it is a jwt.Keyfunc
	asked := engine.Group("/", func(c *gin.Context) {
		token, _ := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
		if _, err := parser.ParseWithClaims(token, &jwt.RegisteredClaims{}, key); err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
		}
	})
	asked.GET("/user/info", constant(account))
	asked.GET("/order/query/:orderid", constant(found))
	asked.GET("/order/list", constant(listed))
	asked.DELETE("/order/cancel/:orderid", constant(cancelled))
	asked.POST("/order/create", func(c *gin.Context) {
		if _, err := io.ReadAll(c.Request.Body); err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		constant(created)(c)
	})
	return engine
}

func constant(text string) gin.HandlerFunc {
	answer := []byte(text)
	return func(c *gin.Context) { c.Data(http.StatusOK, contentType, answer) }
}

// Serve serves on a port of the loopback interface until ctx ends.
func Serve(ctx context.Context, port int, handler http.Handler) error {
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
