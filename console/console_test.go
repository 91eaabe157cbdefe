package console_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"userorder/console"
	"userorder/httpapi"
	"userorder/httpapi/httpapitest"
)

// alone is an engine with the page only.
func alone(t *testing.T) http.Handler {
	t.Helper()
	engine, err := httpapi.NewEngine(httpapi.Config{
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil },
	})
	require.NoError(t, err)
	require.NoError(t, console.Mount(engine))
	return engine
}

// sources returns the files of the page that are ours, by their names.
func sources(t *testing.T) map[string]string {
	t.Helper()
	contents := map[string]string{}
	entries, err := os.ReadDir("page")
	require.NoError(t, err)
	for _, entry := range entries {
		if !entry.IsDir() {
			content, err := os.ReadFile("page/" + entry.Name())
			require.NoError(t, err)
			contents[entry.Name()] = string(content)
		}
	}
	require.Greater(t, len(contents), 15)
	return contents
}

var (
	named    = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	imported = regexp.MustCompile(`(?m)^import .*"\./([^"]+)";$`)
)

func TestThePageAndItsModulesNameFilesThatAreThere(t *testing.T) {
	t.Parallel()
	handler := alone(t)
	ours, err := filepath.Glob("page/*.js")
	require.NoError(t, err)
	library, err := filepath.Glob("page/preact/*.mjs")
	require.NoError(t, err)
	modules := len(ours) + len(library)
	for at, root := range map[string]string{"/console": "", "/console/": "../"} {
		w := httpapitest.Send(handler, "GET "+at)
		require.Equal(t, 200, w.Code)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		require.NotRegexp(t, `<script>|<style|style=|\son\w+=|//|\{\{`, w.Body.String())
		files := named.FindAllStringSubmatch(w.Body.String(), -1)
		require.Len(t, files, 2+modules, "a module is not loaded with the page but after the one that imports it")
		for _, file := range files {
			address, below := strings.CutPrefix(file[1], root+"console/")
			require.True(t, below, file[1])
			w := httpapitest.Send(handler, "GET /console/"+address)
			require.Equal(t, 200, w.Code, address)
			require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"), address)
		}
	}
	for name, content := range sources(t) {
		for _, module := range imported.FindAllStringSubmatch(content, -1) {
			w := httpapitest.Send(handler, "GET /console/0/"+module[1])
			require.Equal(t, 200, w.Code, "%s imports %s", name, module[1])
			require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
		}
	}
	for _, name := range []string{"index.html", "LICENSE.preact", "LICENSE.htm", "nothing.js"} {
		require.Equal(t, 404, httpapitest.Send(handler, "GET /console/0/"+name).Code, name)
	}
}

func TestThePageIsSmall(t *testing.T) {
	t.Parallel()
	sum := 0
	require.NoError(t, fs.WalkDir(os.DirFS("page"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(name, "LICENSE") {
			return err
		}
		info, err := entry.Info()
		sum += int(info.Size())
		return err
	}))
	require.Greater(t, sum, 40<<10)
	require.Less(t, sum, 100<<10)
}

// TestTheLibraryIsThatOfItsAuthors: console.sh fetches it from npm.
func TestTheLibraryIsThatOfItsAuthors(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("console.sh")
	require.NoError(t, err)
	for file, want := range map[string]struct{ version, sum, license string }{
		"preact": {"preact 11.2.0", "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55", "The MIT License"},
		"htm":    {"htm 3.1.1", "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4", "Apache License"},
	} {
		require.Contains(t, string(script), "\nfetch "+want.version+" sha512-")
		content, err := os.ReadFile("page/preact/" + file + ".mjs")
		require.NoError(t, err)
		require.Equal(t, want.sum, fmt.Sprintf("%x", sha256.Sum256(content)), file)
		license, err := os.ReadFile("page/preact/LICENSE." + file)
		require.NoError(t, err)
		require.Contains(t, string(license), want.license)
	}
}

// texts returns the texts of text.js: each has a name, a Chinese and an English text.
func texts(t *testing.T) map[string][2]string {
	t.Helper()
	_, table, found := strings.Cut(sources(t)["text.js"], "\nconst texts = {\n")
	require.True(t, found)
	table, _, found = strings.Cut(table, "\n};\n")
	require.True(t, found)
	pairs := map[string][2]string{}
	for _, pair := range regexp.MustCompile(`(?s)(\w+): \[\s*"([^"]*)",\s*"([^"]*)",?\s*\],`).FindAllStringSubmatch(table, -1) {
		require.NotContains(t, pairs, pair[1])
		pairs[pair[1]] = [2]string{pair[2], pair[3]}
	}
	require.Len(t, pairs, strings.Count(table, ": ["), "a text is not a pair")
	require.Greater(t, len(pairs), 80)
	return pairs
}

func TestEveryTextIsInBothLanguagesAndHasTheSamePlaces(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`\{\w+\}`)
	for name, pair := range texts(t) {
		isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }
		require.True(t, strings.ContainsFunc(pair[0], isHan) || name == "webhooks", "%s: %q", name, pair[0])
		require.Regexp(t, `^[ -~“”…]+$`, pair[1], name)
		require.ElementsMatch(t, place.FindAllString(pair[0], -1), place.FindAllString(pair[1], -1), name)
	}
}

// TestEveryTextIsUsedAndThere looks for names in the sources: t("name"), or a name that is part of another, as in
// t(`did${capitalized(status)}`).
func TestEveryTextIsUsedAndThere(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for name, content := range sources(t) {
		if path.Ext(name) == ".js" && name != "text.js" {
			code.WriteString(content)
		}
	}
	pairs := texts(t)
	for _, used := range regexp.MustCompile(`\bt\("(\w+)"`).FindAllStringSubmatch(code.String(), -1) {
		require.Contains(t, pairs, used[1])
	}
	composed := regexp.MustCompile(`^(?:do|did|ask|by)([A-Z]\w+)$|^(\w+)Role$`)
	for name := range pairs {
		if parts := composed.FindStringSubmatch(name); parts != nil {
			continue // the tests in a browser see them all
		}
		require.Regexp(t, `\b`+name+`\b`, code.String(), "nothing uses the text %s", name)
	}
}

func TestEveryFailureOfAWebhookHasAChineseText(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile("../webhook/failure.go")
	require.NoError(t, err)
	script := sources(t)["text.js"]
	failures := regexp.MustCompile(`\sFailure += "([^"]+)"`).FindAllStringSubmatch(string(written), -1)
	require.Greater(t, len(failures), 10)
	for _, failure := range failures {
		require.Regexp(t, `"`+regexp.QuoteMeta(failure[1])+`": "[^"]*\p{Han}[^"]*"`, script)
	}
	for _, numbered := range regexp.MustCompile(`Failure\("([^"]+) " \+`).FindAllStringSubmatch(string(written), -1) {
		require.Contains(t, script, "^"+numbered[1]+` (\d+)$`)
	}
}
