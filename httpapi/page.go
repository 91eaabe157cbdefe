package httpapi

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// pagePolicy allows a page what this service serves and nothing else, and no inline script or style. Swagger UI has
// its icons in data: URLs.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// MountPage adds an HTML page at /name, with and without a slash at the end, and its files below. In html {{root}} stands for
// the way to the root of the service, which is relative because a proxy may have taken a prefix off the path, and
// {{version}} for the version in the addresses of the files: {{root}}name/{{version}}/file.
//
// The page may load files and data of this service alone, and has no inline scripts or styles. The map must not change
// afterwards.
func MountPage(engine *gin.Engine, name string, html []byte, files map[string]*File) {
	assets := newAssets(files)
	for path, root := range map[string]string{"/" + name: "", "/" + name + "/": "../"} {
		content := strings.NewReplacer("{{root}}", root, "{{version}}", assets.version).Replace(string(html))
		page := NewFile("text/html; charset=utf-8", []byte(content))
		page.policy = pagePolicy
		Get(engine, path, page.Serve)
	}
	Get(engine, "/"+name+"/:version/:file", Handle(assets.serve))
}
