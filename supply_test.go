package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// linked returns the versions of the modules that this test binary was built from.
func linked(t *testing.T) map[string]string {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	versions := map[string]string{}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		versions[module.Path] = module.Version
	}
	require.NotEmpty(t, versions)
	return versions
}

func TestWhatItIsBuiltFromHasTheFixesThatMatter(t *testing.T) {
	versions := linked(t)
	for path, least := range map[string]string{
		"github.com/quic-go/quic-go":   "v0.65.0", // gin alone would take one that can be made to crash
		"github.com/jackc/pgx/v5":      "v5.12.0", // GHSA-j38q-h3ph-jjpq, GHSA-95fj-3fxw-g62g
		"github.com/golang-jwt/jwt/v5": "v5.3.1",
		"modernc.org/sqlite":           "v1.62.0",
	} {
		require.GreaterOrEqual(t, semver.Compare(versions[path], least), 0, "%s is %q", path, versions[path])
	}
}

func TestTheBenchmarkRequiresNothingWithKnownHoles(t *testing.T) {
	text, err := os.ReadFile("bench/go.mod")
	require.NoError(t, err)
	file, err := modfile.Parse("bench/go.mod", text, nil)
	require.NoError(t, err)
	least := map[string]string{"golang.org/x/image": "v0.48.0"} // make vuln found two in v0.30.0
	for _, requirement := range file.Require {
		if version, ok := least[requirement.Mod.Path]; ok {
			require.GreaterOrEqual(t, semver.Compare(requirement.Mod.Version, version), 0, requirement.Mod)
			delete(least, requirement.Mod.Path)
		}
	}
	require.Empty(t, least, "no longer required")
}

// TestSQLiteHasTheLibcItWasMadeFor: its C code was translated against one version of modernc.org/libc, and
// with another one it may fail in any way (https://gitlab.com/cznic/sqlite/-/issues/177).
func TestSQLiteHasTheLibcItWasMadeFor(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-json", "modernc.org/sqlite").Output()
	require.NoError(t, err)
	var module struct{ GoMod string }
	require.NoError(t, json.Unmarshal(out, &module))
	text, err := os.ReadFile(module.GoMod)
	require.NoError(t, err)
	file, err := modfile.Parse(module.GoMod, text, nil)
	require.NoError(t, err)
	for _, requirement := range file.Require {
		if requirement.Mod.Path == "modernc.org/libc" {
			require.Equal(t, requirement.Mod.Version, linked(t)["modernc.org/libc"])
			return
		}
	}
	require.FailNow(t, "modernc.org/sqlite requires no modernc.org/libc any more")
}

// makefileTags returns the build tags of make build.
func makefileTags(t *testing.T) string {
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^TAGS := (\S+)$`).FindSubmatch(makefile)
	require.NotNil(t, found)
	return string(found[1])
}

// TestTheProgramHasNothingThatOnlyTestsNeed and nothing that the tags of make build are there to keep out. What is only
// imported and never called costs little, because the linker leaves it out: docs/decisions/0030-size.md.
func TestTheProgramHasNothingThatOnlyTestsNeed(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-tags", makefileTags(t), ".")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "github.com/gin-gonic/gin")
	for _, unwanted := range []string{
		"testing", "net/http/httptest", "github.com/stretchr/", "github.com/getkin/", "github.com/chromedp/", "github.com/emersion/",
		"go.yaml.in/yaml/", "golang.org/x/mod/", "userorder/database/databasetest", "userorder/httpapi/httpapitest", "userorder/e2e",
		"github.com/ugorji/",       // nomsgpack
		"golang.org/x/net/trace",   // grpcnotrace
		"github.com/felixge/",      // 1.5 MB, with otelhttp
		"github.com/bytedance/",    // a JSON codec that gin takes with a tag
		"github.com/shopspring/",   // for examples
		"github.com/goccy/go-json", // as sonic
	} {
		for _, name := range packages {
			require.False(t, name == strings.TrimSuffix(unwanted, "/") || strings.HasPrefix(name, unwanted), "%s is linked", name)
		}
	}
}

func TestTheBenchmarkBuildsTheProgramAsMakeDoes(t *testing.T) {
	text, err := os.ReadFile("bench/world.go")
	require.NoError(t, err)
	require.Contains(t, string(text), `const tags = "`+makefileTags(t)+`"`)
}
