package main

import (
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

const cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0" // Apache-2.0

// goPackage is what go list says of a package.
type goPackage struct {
	Dir        string
	Standard   bool
	EmbedFiles []string
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// thirdParty returns the licences of what a binary for a platform contains: Go's, of its modules, and of the files that
// are embedded. It fails for a module that has none.
func thirdParty(ctx context.Context, platform, binary string) ([]byte, error) {
	root, err := command(ctx, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string][]string{"Go " + strings.TrimPrefix(runtime.Version(), "go"): {strings.TrimSpace(string(root))}}
	packages, err := packagesOf(ctx, platform, binary)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		switch {
		case p.Standard:
		case p.Module.Main:
			for _, embedded := range p.EmbedFiles {
				if folder := filepath.Join(p.Dir, filepath.Dir(embedded)); len(licencesIn(folder)) > 0 {
					name := "Embedded: " + filepath.Base(folder)
					folders[name] = append(folders[name], folder)
				}
			}
		default: // a part of a module may have a licence of its own
			name := p.Module.Path + " " + p.Module.Version
			for folder := p.Dir; len(folder) >= len(p.Module.Dir); folder = filepath.Dir(folder) {
				folders[name] = append(folders[name], folder)
			}
		}
	}
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		found := 0
		for _, folder := range slices.Compact(slices.Sorted(slices.Values(folders[name]))) {
			for _, path := range licencesIn(folder) {
				licence, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				found++
				_, _ = fmt.Fprintf(&text, "%s\n%s: %s\n\n%s\n\n", strings.Repeat("=", 100), name, filepath.Base(path), bytes.TrimSpace(licence))
			}
		}
		if found == 0 {
			return nil, fmt.Errorf("%s has no licence", name)
		}
	}
	return bytes.ReplaceAll(text.Bytes(), []byte("\r\n"), []byte("\n")), nil
}

// packagesOf returns the packages that a binary for a platform was built from.
func packagesOf(ctx context.Context, platform, binary string) (packages []goPackage, err error) {
	built, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	tags := ""
	for _, setting := range built.Settings {
		if setting.Key == "-tags" {
			tags = setting.Value
		}
	}
	out, err := command(ctx, target(platform), "go", "list", "-deps", "-json=Dir,Standard,EmbedFiles,Module", "-tags", tags, ".")
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

var licenceName = regexp.MustCompile(`(?i)(^|[-.])(licen[cs]e|copying|notice|patents|unlicense)([-.]|$)`)

// licencesIn returns the files of a folder that are licences, by their names.
func licencesIn(folder string) (paths []string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if entry.Type().IsRegular() && licenceName.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go" {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths
}

// listParts writes what a binary consists of, in the format of CycloneDX: its modules, Go's standard library, and what is
// embedded of npm.
func (r release) listParts(ctx context.Context, binary, path string) error {
	out, err := command(ctx, nil, "go", "run", cyclonedx, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", r.version, binary)
	if err != nil {
		return err
	}
	var list map[string]any
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	for _, tool := range list["metadata"].(map[string]any)["tools"].([]any) {
		delete(tool.(map[string]any), "hashes") // of the binary of the tool, which is another on every machine
	}
	fromNPM, err := embeddedOfNPM()
	if err != nil {
		return err
	}
	list["components"] = append(list["components"].([]any), fromNPM...)
	if out, err = json.MarshalIndent(list, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(path, append(out, '\n'), 0o644) //nolint:gosec // for everybody to read
}

// embeddedOfNPM returns the packages that the scripts beside them fetch.
func embeddedOfNPM() (components []any, err error) {
	for _, fetched := range []struct{ script, pattern, name string }{
		{"console/console.sh", `(?m)^fetch (\S+) (\S+) `, ""},
		{"openapi/swagger-ui.sh", `(?m)^version=()(\S+)$`, "swagger-ui-dist"},
	} {
		text, err := os.ReadFile(fetched.script)
		if err != nil {
			return nil, err
		}
		found := regexp.MustCompile(fetched.pattern).FindAllStringSubmatch(string(text), -1)
		if found == nil {
			return nil, fmt.Errorf("%s names no package", fetched.script)
		}
		for _, match := range found {
			name, version := cmp.Or(match[1], fetched.name), match[2]
			reference := "pkg:npm/" + name + "@" + version
			components = append(components, map[string]any{
				"type": "library", "name": name, "version": version, "purl": reference, "bom-ref": reference,
			})
		}
	}
	return components, nil
}
