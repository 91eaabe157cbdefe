package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryTestThatTheDocsNameIsThere(t *testing.T) {
	var tests strings.Builder
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	}))
	docs, err := os.ReadFile("docs/reliability.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(docs, -1)
	require.Greater(t, len(named), 40)
	for _, name := range named {
		require.Contains(t, tests.String(), "\nfunc "+string(name[1])+"(", "docs/reliability.md names it")
	}
}
