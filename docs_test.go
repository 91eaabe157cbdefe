package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	for file, least := range map[string]int{"docs/reliability.md": 40, "docs/security.md": 10, "docs/operations.md": 20} {
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

// rate returns the requests a second of a row, to the nearest hundred, of the results that docs/performance.md tells of.
func rate(t *testing.T, work, contender, clients string) string {
	page, err := os.ReadFile("docs/performance.md")
	require.NoError(t, err)
	text, err := os.ReadFile(regexp.MustCompile(`bench/results/[0-9-]+\.md`).FindString(string(page)))
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^\| ` + work + ` \| ` + contender + ` \| ` + clients + ` \| ([0-9,]+) \|`).FindSubmatch(text)
	require.NotNil(t, row, "%s, %s", work, contender)
	measured, err := strconv.Atoi(strings.ReplaceAll(string(row[1]), ",", ""))
	require.NoError(t, err)
	hundreds := strconv.Itoa((measured + 50) / 100)
	if len(hundreds) < 2 {
		return hundreds + "00"
	}
	return hundreds[:len(hundreds)-1] + "," + hundreds[len(hundreds)-1:] + "00"
}

func TestTheFiguresOfTheFirstPagesAreThoseOfTheBenchmark(t *testing.T) {
	const query, create = "query, 1 thousand orders", "create"
	ours := []string{rate(t, query, "userorder, SQLite", "32"), rate(t, create, "userorder, SQLite", "64")}
	flask := []string{rate(t, query, "Flask", "32"), rate(t, create, "Flask", "64")}
	postgres := []string{rate(t, query, "userorder, PostgreSQL", "32"), rate(t, create, "userorder, PostgreSQL", "64")}
	for page, figures := range map[string][]string{
		"README.md":       slices.Concat(ours, flask),
		"README.zh-CN.md": slices.Concat(ours, flask),
		"docs/scaling.md": slices.Concat(ours, postgres),
	} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, figure := range figures {
			require.Contains(t, string(text), figure, page)
		}
	}
}
