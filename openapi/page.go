package openapi

import (
	"embed"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// The page is our own and not the one that comes with Swagger UI, whose inline scripts a policy would have to allow.
// Swagger UI's own files are large and therefore compressed already: swagger-ui.sh fetches them.
//
//go:embed page/index.html page/docs.css page/docs.js
//go:embed page/swagger-ui/swagger-ui.css.gz page/swagger-ui/swagger-ui-bundle.js.gz page/swagger-ui/favicon-32x32.png
var files embed.FS

// mountPage adds /docs with its files, and the way to it from /, which is relative because a proxy may have taken a prefix
// off the path.
func mountPage(engine *gin.Engine) {
	httpapi.MountPage(engine, "docs", read("index.html"), map[string]*httpapi.File{
		"docs.css":             httpapi.NewFile("text/css; charset=utf-8", read("docs.css")),
		"docs.js":              httpapi.NewFile("text/javascript; charset=utf-8", read("docs.js")),
		"favicon-32x32.png":    httpapi.NewFile("image/png", read("swagger-ui/favicon-32x32.png")),
		"swagger-ui.css":       httpapi.NewGzippedFile("text/css; charset=utf-8", read("swagger-ui/swagger-ui.css.gz")),
		"swagger-ui-bundle.js": httpapi.NewGzippedFile("text/javascript; charset=utf-8", read("swagger-ui/swagger-ui-bundle.js.gz")),
	})
	// Not a route, which would make / a 405 for other methods although it is a 404 for programs.
	engine.NoRoute(httpapi.Handle(func(c *gin.Context) error {
		if c.Request.URL.Path != "/" || !isBrowser(c.Request) {
			return httpapi.NotFound(c)
		}
		c.Header("Location", "docs") // http.Redirect would make it absolute
		c.Status(http.StatusFound)
		c.Writer.WriteHeaderNow()
		return nil
	}))
}

// read returns an embedded file.
func read(name string) []byte {
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err)
	}
	return content
}

// isBrowser reports whether a request looks like a person's who opens an address.
func isBrowser(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return reads && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}
