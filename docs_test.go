package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"userorder/settings"

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
	for file, least := range map[string]int{"docs/reliability.md": 40, "docs/security.md": 10} {
		docs, err := os.ReadFile(file)
		require.NoError(t, err)
		named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(docs, -1)
		require.Greater(t, len(named), least)
		for _, name := range named {
			require.True(t, strings.Contains(tests.String(), "\nfunc "+string(name[1])+"("), //nolint:testifylint // it would print all tests
				"%s names %s, which is nowhere", file, name[1])
		}
	}
}

func TestEveryFileThatTheSecurityPageNamesIsThere(t *testing.T) {
	docs, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`([\\w/]+\\.go)`").FindAllSubmatch(docs, -1)
	require.Greater(t, len(named), 5)
	for _, file := range named {
		require.FileExists(t, string(file[1]))
	}
}

func TestBothREADMEsListEverySetting(t *testing.T) {
	defaults := settings.NewReader(t.Context(), environment(nil))
	readConfig(defaults)
	require.Greater(t, len(defaults.Read()), 25)
	for _, file := range []string{"README.md", "README.zh-CN.md"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, setting := range defaults.Read() {
			require.NotZero(t, strings.Count(string(text), "`"+setting.Name+"`"), "%s has no %s", file, setting.Name)
		}
	}
}

func TestNoDocumentHasAPlaceForAFigureThatIsMissing(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	decisions, err := filepath.Glob("docs/decisions/*.md")
	require.NoError(t, err)
	files = append(append(files, decisions...), "README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md")
	require.Greater(t, len(files), 20)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(text), "⟨", file)
	}
}
