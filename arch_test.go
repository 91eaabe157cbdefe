package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport holds the architecture: which of our packages may import which, tests aside, layer by layer. A request goes
// down the layers and never up; user and order are independent.
var mayImport = map[string][]string{
	".": {"auth", "certificate", "console", "database", "disk", "doctor", "httpapi", "mail", "openapi", "order", "settings", "systemd", "telemetry", "user", "webhook", "worker"},

	"user":  {"auth", "database", "event", "httpapi", "worker"},
	"order": {"auth", "database", "httpapi", "webhook", "worker"},

	"auth":      {"database", "disk", "httpapi"},
	"console":   {"httpapi"},
	"event":     {"database", "httpapi"},
	"openapi":   {"httpapi"},
	"telemetry": {"httpapi"},

	"httpapi":                     {},
	"httpapi/httpapitest":         {},
	"mail":                        {},
	"database":                    {"database/sqlite", "disk"},
	"database/databasetest":       {"database"},
	"database/sqlite":             {},
	"certificate":                 {},
	"certificate/certificatetest": {},
	"disk":                        {},
	"doctor":                      {},
	"settings":                    {},
	"systemd":                     {},
	"webhook":                     {},
	"worker":                      {},

	"deploy":         {},
	"docs/receivers": {"webhook"}, // its tests
	"e2e":            {"database"},
	"e2e/tutorial":   {},
	"release":        {},
}

// onlyIn holds the libraries that belong to one package and those below it. Examples in docs are no part of the program
// and may use any.
var onlyIn = map[string]string{
	"github.com/golang-jwt":      "auth",
	"github.com/jackc/pgx":       "database",
	"modernc.org/sqlite":         "database",
	"github.com/pressly/goose":   "database",
	"golang.org/x/text/secure":   "user",
	"golang.org/x/crypto/argon2": "user",
	"golang.org/x/crypto/acme":   "certificate",
	"github.com/go-playground/":  "user",
	"github.com/gofrs/flock":     "database",
	"github.com/gin-contrib/":    "httpapi",
	"golang.org/x/time":          "httpapi",
	"github.com/goccy/go-yaml":   "openapi",
	"github.com/getkin/":         "e2e", // and the tests of main
	"github.com/chromedp/":       "e2e",
	"github.com/prometheus":      "telemetry",
	"github.com/lmittmann/tint":  "telemetry",
	"github.com/mattn/":          "telemetry",
	"github.com/wneessen/":       "mail",
	"unsafe":                     "database/sqlite",

	"github.com/standard-webhooks": "webhook",

	"go.opentelemetry.io/otel/sdk":       "telemetry",
	"go.opentelemetry.io/otel/exporters": "telemetry",
}

// forTests holds the packages that all tests may import.
var forTests = []string{"certificate/certificatetest", "database/databasetest", "e2e/tutorial", "httpapi/httpapitest"}

// imports calls visit with each import of each file of this module.
func imports(t *testing.T, visit func(pkg, file, imported string)) {
	require.NoError(t, filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && file != "." && (strings.HasPrefix(entry.Name(), ".") || isModule(file)) {
			return fs.SkipDir
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			visit(path.Dir(filepath.ToSlash(file)), file, imported)
		}
		return nil
	}))
}

// isModule reports whether a folder is a module of its own, as bench is.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func TestImportsGoDownTheFloorsOnly(t *testing.T) {
	seen := 0
	imports(t, func(pkg, file, imported string) {
		allowed, known := mayImport[pkg]
		require.True(t, known, "%s is in a package that no line of mayImport has", file)
		imported, ours := strings.CutPrefix(imported, "userorder/")
		if !ours || strings.HasSuffix(file, "_test.go") && (slices.Contains(forTests, imported) || imported == pkg) {
			return
		}
		seen++
		require.True(t, slices.Contains(allowed, imported), "%s imports %s, which mayImport does not allow", file, imported)
	})
	require.Greater(t, seen, 20, "it has hardly looked at anything")
}

func TestEachLibraryBelongsToOneFloor(t *testing.T) {
	imports(t, func(pkg, file, imported string) {
		for library, floor := range onlyIn {
			if strings.HasPrefix(imported, library) && !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(pkg, "docs/") {
				require.True(t, pkg == floor || strings.HasPrefix(pkg, floor+"/"), "%s imports %s", file, imported)
			}
		}
	})
}
