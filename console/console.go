// Package console serves the page /console, where staff look after orders and users. The page is a client of the public
// routes like any other: it adds no route but its own files, and knows what the token of its user may. Its modules go to
// browsers as they are written; console.sh fetches the library.
package console

import (
	"embed"
	"io/fs"
	"path"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

//go:embed page
var embedded embed.FS

// contentTypes maps the extensions of served files to their types. Other files, such as licenses, are not served.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Mount adds the page to engine.
func Mount(engine *gin.Engine) error {
	html, err := embedded.ReadFile("page/index.html")
	if err != nil {
		return err
	}
	files := map[string]*httpapi.File{}
	err = fs.WalkDir(embedded, "page", func(name string, _ fs.DirEntry, err error) error {
		contentType := contentTypes[path.Ext(name)]
		if err != nil || contentType == "" {
			return err
		}
		content, err := embedded.ReadFile(name)
		files[path.Base(name)] = httpapi.NewFile(contentType, content)
		return err
	})
	if err != nil {
		return err
	}
	httpapi.MountPage(engine, "console", html, files)
	return nil
}
