// Package openapi serves the description of the service: /openapi.yaml and /openapi.json for programs, and the page
// /docs for people, where every route can be tried out. The document is written by hand. The package knows no module:
// the document lists the routes that the engine has.
package openapi

import (
	_ "embed"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var written string

// Mount adds the document and the page to engine, and redirects browsers from / to the page. It must come after all
// other routes: paths that engine does not have yet are left out of the document. It returns an error only if the
// document is not valid YAML.
func Mount(engine *gin.Engine) error {
	var text, json []byte // set below, after these routes are added
	get(engine, "/openapi.yaml", func(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", text) })
	get(engine, "/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json; charset=utf-8", json) })
	mountPage(engine)

	text = []byte(documentOf(engine.Routes()))
	var err error
	if json, err = yaml.YAMLToJSON(text); err != nil {
		return fmt.Errorf("openapi.yaml: %w", err)
	}
	return nil
}

func get(engine *gin.Engine, path string, handler gin.HandlerFunc) {
	engine.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}

var parameter = regexp.MustCompile(`:(\w+)`)

// documentOf returns the document without the paths that are not among routes. It works on lines, so that comments and
// layout stay: a path starts at a line that begins with two spaces and a slash, and ends before the next such line or
// a line without indentation.
func documentOf(routes gin.RoutesInfo) string {
	served := map[string]bool{}
	for _, route := range routes {
		served["  "+parameter.ReplaceAllString(route.Path, "{$1}")+":"] = true
	}
	var document strings.Builder
	keep := true
	for line := range strings.Lines(written) {
		switch {
		case strings.HasPrefix(line, "  /"):
			keep = served[strings.TrimRight(line, "\r\n")]
		case !strings.HasPrefix(line, " "):
			keep = true
		}
		if keep {
			document.WriteString(line)
		}
	}
	return document.String()
}
