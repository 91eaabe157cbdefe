package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// texts calls visit with each text that is said to people: an httpapi.Text, or the two arguments of a function
// that makes one.
func texts(t *testing.T, visit func(position, zh, en string)) {
	fileset := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(fileset, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if pair := pairOf(node); pair != nil {
				visit(fileset.Position(node.Pos()).String(), literal(pair[0]), literal(pair[1]))
			}
			return true
		})
		return nil
	}))
}

func pairOf(node ast.Node) []ast.Expr {
	switch node := node.(type) {
	case *ast.CompositeLit:
		if nameOf(node.Type) == "Text" && len(node.Elts) == 2 {
			return node.Elts
		}
	case *ast.CallExpr:
		if name := nameOf(node.Fun); name == "badRequest" {
			return node.Args[len(node.Args)-2:]
		}
	}
	return nil
}

func nameOf(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return expression.Sel.Name
	}
	return ""
}

// literal returns what a string literal says, or "" for anything else, such as a parameter that is passed on.
func literal(expression ast.Expr) string {
	if pair, ok := expression.(*ast.KeyValueExpr); ok {
		expression = pair.Value
	}
	if basic, ok := expression.(*ast.BasicLit); ok {
		text, _ := strconv.Unquote(basic.Value)
		return text
	}
	return ""
}

func TestWhatIsSaidToPeopleIsSaidInBothLanguages(t *testing.T) {
	seen := map[string]string{}
	texts(t, func(position, zh, en string) {
		if zh == "" && en == "" {
			return
		}
		require.True(t, strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }), "%s: %q", position, zh)
		require.Regexp(t, `^[ -~]+$`, en, position)
		if other, ok := seen[zh]; ok {
			require.Equal(t, other, en, "%s: one Chinese text is two English ones", position)
		}
		seen[zh] = en
	})
	require.Greater(t, len(seen), 40, "it has hardly looked at anything")
}
