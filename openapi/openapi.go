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
// all other routes: a path that engine does not have by then is left out of the document, unless a request asks for all with
// ?modules=all. The document gets version, which is the build's.
func Mount(engine *gin.Engine, version string) error {
	var own, all document // known when all routes are
	httpapi.Get(engine, "/openapi.yaml", httpapi.Handle(func(c *gin.Context) error {
		return serve(c, own.text, all.text)
	}))
	httpapi.Get(engine, "/openapi.json", httpapi.Handle(func(c *gin.Context) error {
		return serve(c, own.json, all.json)
	}))
	mountPage(engine)

	part := textOf(version, served(engine.Routes()))
	whole := textOf(version, func(string) bool { return true })
	var err error
	if own, err = newDocument(part); err != nil || part == whole {
		all = own
		return err
	}
	all, err = newDocument(whole)
	return err
}

// document is one document in both formats.
type document struct{ text, json *httpapi.File }

func newDocument(text string) (document, error) {
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return document{}, fmt.Errorf("openapi.yaml: %w", err)
	}
	return document{
		text: httpapi.NewFile("application/yaml", []byte(text)),
		json: httpapi.NewFile("application/json; charset=utf-8", converted),
	}, nil
}

// everything is the value of the parameter modules. The package knows no module that a client could name.
type everything bool

var textAll = httpapi.Text{ZH: "须为 all", EN: "must be all"}

// UnmarshalText accepts all.
func (e *everything) UnmarshalText(text []byte) error {
	if string(text) != "all" {
		return textAll
	}
	*e = true
	return nil
}

// serve answers with own, the document of this process, or with all if the request asks for that.
func serve(c *gin.Context, own, all *httpapi.File) error {
	var query struct {
		Modules everything `json:"modules,omitzero"`
	}
	if err := httpapi.BindQuery(c, &query); err != nil {
		return err
	}
	if query.Modules {
		own = all
	}
	own.Serve(c)
	return nil
}

var (
	parameter = regexp.MustCompile(`:(\w+)`)
	condition = regexp.MustCompile(`^\w+: # with (/\S+)`)
)

// served returns whether a path of the document is among routes.
func served(routes gin.RoutesInfo) func(path string) bool {
	paths := map[string]bool{}
	for _, route := range routes {
		paths[parameter.ReplaceAllString(route.Path, "{$1}")] = true
	}
	return func(path string) bool { return paths[path] }
}

// textOf returns the document of a version with the paths that are listed. It goes by lines, so that the rest stays
// as it is written: a path is a line that begins with two spaces and a slash, and ends with the next such line or
// one without indentation. A section whose first line ends with a comment like "# with /order/webhooks" is left out along
// with that path.
func textOf(version string, listed func(path string) bool) string {
	var text strings.Builder
	keep := true
	for line := range strings.Lines(written) {
		switch {
		case strings.HasPrefix(line, "  /"):
			keep = listed(strings.TrimRight(line[2:], ":\r\n"))
		case !strings.HasPrefix(line, " "):
			with := condition.FindStringSubmatch(line)
			keep = with == nil || listed(with[1])
		case strings.HasPrefix(line, "  version: "):
			line = "  version: " + strconv.Quote(version) + "\n"
		}
		if keep {
			text.WriteString(line)
		}
	}
	return text.String()
}
