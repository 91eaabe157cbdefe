//go:build unix

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// report is an invented one in the format of https://ossf.github.io/osv-schema/, of a function of a library that the
// service requires.
const report = `{"schema_version": "1.3.1", "id": "GO-2026-99999", "modified": "2026-11-26T00:00:00Z", "published": "2026-11-26T00:00:00Z",
	"summary": "A comparison that is wrong", "details": "Invented.", "affected": [{
		"package": {"name": "golang.org/x/mod", "ecosystem": "Go"},
		"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
		"ecosystem_specific": {"imports": [{"path": "golang.org/x/mod/semver", "symbols": ["Compare"]}]}}],
	"database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-99999", "review_status": "REVIEWED"}}`

// vulnerabilities returns a folder with the files of https://go.dev/doc/security/vuln/database#api that are needed.
func vulnerabilities(t *testing.T) string {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"index/db.json":         `{"modified": "2026-11-26T00:00:00Z"}`,
		"index/modules.json":    `[{"path": "golang.org/x/mod", "vulns": [{"id": "GO-2026-99999", "modified": "2026-11-26T00:00:00Z"}]}]`,
		"ID/GO-2026-99999.json": report,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

// moduleThatCalls returns a folder with a module whose program calls a function of golang.org/x/mod/semver, in the
// version that the service requires.
func moduleThatCalls(t *testing.T, call string) string {
	required, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`golang.org/x/mod v\S+`).Find(required)
	require.NotNil(t, version)
	sums, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  fmt.Sprintf("module example\n\ngo 1.26.0\n\nrequire %s\n", version),
		"go.sum":  strings.Join(regexp.MustCompile(`(?m)^`+string(version)+`.*\n`).FindAllString(string(sums), -1), ""),
		"main.go": "package main\n\nimport \"golang.org/x/mod/semver\"\n\nfunc main() { println(semver." + call + ") }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

func TestVulnerabilitiesAreFoundWithoutTheNetwork(t *testing.T) {
	slow(t)
	t.Parallel()
	_, err := exec.LookPath("make")
	need(t, "make", err)
	database := vulnerabilities(t)
	for _, test := range []struct {
		name, call, database string
		passes               bool
		output               string
	}{
		{"the program calls the vulnerable function", `Compare("v1.0.0", "v1.0.1")`, database, false, "GO-2026-99999"},
		{"the program calls another one", `Canonical("v1")`, database, true, "No vulnerabilities found"},
		{"the database is not there", `Canonical("v1")`, filepath.Join(database, "missing"), false, "could not be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // the first builds govulncheck
			defer cancel()
			command := exec.CommandContext(ctx, "make", "-C", "..", "vuln",
				"VULNFOLDERS="+moduleThatCalls(t, test.call), "GOVULNDB=file://"+test.database)
			out, err := command.CombinedOutput()
			require.Equal(t, test.passes, err == nil, "%s", out)
			require.Contains(t, string(out), test.output)
		})
	}
}
