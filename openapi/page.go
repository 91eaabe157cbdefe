package openapi

import (
	"embed"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5emb"

	"userorder/httpapi"
)

// The page replaces the one of Swagger UI, whose inline scripts the policy would have to allow.
//
//go:embed page
var files embed.FS

// policy allows the page resources of this origin only, and no inline script or style. Swagger UI has its icons in
// data: URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountPage adds /docs with its files, and the redirect from /.
func mountPage(engine *gin.Engine) {
	get(engine, "/docs", func(c *gin.Context) {
		c.Header("Content-Security-Policy", policy)
		serveFile(c, "index.html", "text/html; charset=utf-8")
	})
	swagger := v5emb.New("", "", "/docs")
	get(engine, "/docs/:file", httpapi.Handle(func(c *gin.Context) error {
		switch file := c.Param("file"); file {
		case "docs.css":
			serveFile(c, file, "text/css; charset=utf-8")
		case "docs.js":
			serveFile(c, file, "text/javascript; charset=utf-8")
		case "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png":
			removeConditions(c.Request.Header)
			swagger.ServeHTTP(c.Writer, c.Request)
		default: // the handler of Swagger UI would answer outside the envelope
			return httpapi.ErrNotFound
		}
		return nil
	}))
	// A route would make / a 405 for other methods, but for programs it is a 404.
	engine.NoRoute(httpapi.Handle(func(c *gin.Context) error {
		if c.Request.URL.Path != "/" || !isBrowser(c.Request) {
			return httpapi.ErrNotFound
		}
		c.Redirect(http.StatusFound, "/docs")
		return nil
	}))
}

// serveFile answers with an embedded file.
func serveFile(c *gin.Context, name, contentType string) {
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // a wiring bug: the names are constants
	}
	c.Data(http.StatusOK, contentType, content)
}

// removeConditions removes the headers that make a file server answer with less than the whole file, or with an error.
func removeConditions(header http.Header) {
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		header.Del(name)
	}
}

// isBrowser reports whether a request looks like a browser that opens a page.
func isBrowser(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return reads && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}
