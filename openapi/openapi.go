// Package openapi describes the service to programs, with /openapi.yaml and /openapi.json, and to people, with
// the page /docs, where every route can be tried out. The document is written by hand. The package must not know
// any module: what the document lists depends on what the engine has.
package openapi

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"userorder/httpapi"
)

//go:embed openapi.yaml
var written string

// Mount adds the document and the page to engine, and sends browsers that ask for / to the page. It comes after
// all other routes: a path that engine does not have by then is left out of the document. The document gets version,
// which is the build's.
func Mount(engine *gin.Engine, version string) error {
	var text, json *httpapi.File // known when all routes are
	httpapi.Get(engine, "/openapi.yaml", func(c *gin.Context) { text.Serve(c) })
	httpapi.Get(engine, "/openapi.json", func(c *gin.Context) { json.Serve(c) })
	mountPage(engine)

	document := documentOf(engine.Routes(), version)
	converted, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		return fmt.Errorf("openapi.yaml: %w", err)
	}
	text = httpapi.NewFile("application/yaml", []byte(document))
	json = httpapi.NewFile("application/json; charset=utf-8", converted)
	return nil
}

var (
	parameter = regexp.MustCompile(`:(\w+)`)
	condition = regexp.MustCompile(`^\w+: # with (/\S+)`)
)

// documentOf returns the document of a version without the paths that no route has. It goes by lines, so that the rest stays
// as it is written: a path is a line that begins with two spaces and a slash, and ends with the next such line or
// one without indentation. A section whose first line ends with a comment like "# with /order/webhooks" is left out along
// with that path.
func documentOf(routes gin.RoutesInfo, version string) string {
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
			with := condition.FindStringSubmatch(line)
			keep = with == nil || served["  "+with[1]+":"]
		case strings.HasPrefix(line, "  version: "):
			line = "  version: " + strconv.Quote(version) + "\n"
		}
		if keep {
			document.WriteString(line)
		}
	}
	return document.String()
}
