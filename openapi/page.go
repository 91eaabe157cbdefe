package openapi

import (
	"embed"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5emb"

	"userorder/httpapi"
)

// The page is our own and not the one that comes with Swagger UI, whose inline scripts a policy would have to allow.
//
//go:embed page
var files embed.FS

// policy lets the page use what comes from here and nothing else, and no script or style within a page. Swagger
// UI has its icons in data: URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountPage adds /docs with its files, and the way to it from /.
func mountPage(engine *gin.Engine) {
	get(engine, "/docs", func(c *gin.Context) {
		c.Header("Content-Security-Policy", policy)
		own(c, "index.html", "text/html; charset=utf-8")
	})
	swagger := v5emb.New("", "", "/docs")
	get(engine, "/docs/:file", httpapi.Handle(func(c *gin.Context) error {
		switch file := c.Param("file"); file {
		case "docs.css":
			own(c, file, "text/css; charset=utf-8")
		case "docs.js":
			own(c, file, "text/javascript; charset=utf-8")
		case "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png":
			whole(c.Request.Header)
			swagger.ServeHTTP(c.Writer, c.Request)
		default: // Swagger UI's handler would answer outside the envelope
			return httpapi.ErrNotFound
		}
		return nil
	}))
	// Not a route, which would make / a 405 for other methods although it is a 404 for programs.
	engine.NoRoute(httpapi.Handle(func(c *gin.Context) error {
		if c.Request.URL.Path != "/" || !isBrowser(c.Request) {
			return httpapi.ErrNotFound
		}
		c.Redirect(http.StatusFound, "/docs")
		return nil
	}))
}

// own answers with a file of ours.
func own(c *gin.Context, name, contentType string) {
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	c.Data(http.StatusOK, contentType, content)
}

// whole takes from a request what would make a file server answer with less than the file, or with a failure.
func whole(header http.Header) {
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		header.Del(name)
	}
}

// isBrowser reports whether a request looks like a person's who opens an address.
func isBrowser(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return reads && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}
