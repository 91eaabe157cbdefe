package httpapi

import "github.com/gin-gonic/gin"

// defaultHeaders returns a handler that sets the headers of every response.
func defaultHeaders() gin.HandlerFunc {
	noStore, noSniff := []string{"no-store"}, []string{"nosniff"} // shared: nobody appends to them
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Cache-Control"] = noStore
		header["X-Content-Type-Options"] = noSniff
		c.Next()
	}
}
