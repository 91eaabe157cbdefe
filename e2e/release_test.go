//go:build unix

package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var here = "linux/" + runtime.GOARCH // the platform that is released twice, installed and started

// released makes a release of v1.2.3 from a repository with the sources as they are here, and returns its folder.
var released = sync.OnceValues(func() (folder string, err error) {
	trackSources()
	folder = filepath.Join(binaries, "release")
	listed, err := exec.Command("git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(strings.Trim(string(listed), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join("..", name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue // removed, and not yet committed
		case err != nil:
			return "", err
		}
		info, err := os.Stat(filepath.Join("..", name))
		if err != nil {
			return "", err
		}
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, info.Mode())); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "Release"}, {"tag", "v1.2.3"}} {
		if err := inRepository(folder, "git", args...); err != nil {
			return "", err
		}
	}
	return folder, inRepository(folder, "make", "release", "PLATFORMS="+here)
})

// inRepository runs a command without what make and git have left in the environment of the tests.
func inRepository(folder, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // with nothing in the build cache
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.WaitDelay = folder, time.Second
	for _, variable := range os.Environ() {
		switch key, _, _ := strings.Cut(variable, "="); {
		case strings.HasPrefix(key, "MAKE"), strings.HasPrefix(key, "GIT_"), key == "MFLAGS", key == "VERSION", key == "COMMIT", key == "OUTPUT", key == "PLATFORMS", key == "SOURCE_DATE_EPOCH":
		default:
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@test.com",
		"GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@test.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// needRelease skips a test unless a release can be made here, and returns the folder of one.
func needRelease(t *testing.T) string {
	t.Helper()
	slow(t)
	for _, tool := range []string{"git", "make"} {
		_, err := exec.LookPath(tool)
		need(t, tool, err)
	}
	if runtime.GOOS != "linux" {
		need(t, "Linux", errors.ErrUnsupported)
	}
	folder, err := released()
	require.NoError(t, err)
	return folder
}

// sums returns the lines of SHA256SUMS, which it checks, and requires that it names exactly the files that are there.
func sums(t *testing.T, folder string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "dist", "SHA256SUMS"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	entries, err := os.ReadDir(filepath.Join(folder, "dist"))
	require.NoError(t, err)
	require.Len(t, entries, len(lines)+1)
	for _, line := range lines {
		sum, name, ok := strings.Cut(line, "  ")
		require.True(t, ok, line)
		content, err := os.ReadFile(filepath.Join(folder, "dist", name))
		require.NoError(t, err)
		require.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(content)), name)
	}
	return lines
}

// TestAReleaseHasTheSameBytesWhereverItIsMade makes it again in a worktree elsewhere, with another umask and time zone.
func TestAReleaseHasTheSameBytesWhereverItIsMade(t *testing.T) {
	first := needRelease(t)
	second := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, inRepository(first, "git", "worktree", "add", "-q", second, "v1.2.3"))
	require.NoError(t, inRepository(second, "env", "TZ=Asia/Shanghai", "LC_ALL=C.UTF-8", "GOFLAGS=-buildvcs=auto", "sh", "-c",
		"umask 077; exec make release PLATFORMS="+here))
	lines := sums(t, first)
	require.Len(t, lines, 3)
	require.Equal(t, lines, sums(t, second))
}

// unpacked returns the files of an archive without its top folder, and requires that they belong to nobody of this machine.
func unpacked(t *testing.T, path string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	add := func(name string, r io.Reader) {
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		top, name, ok := strings.Cut(name, "/")
		require.True(t, ok)
		require.True(t, strings.HasPrefix(filepath.Base(path), top+"."), top)
		files[name] = content
	}
	if strings.HasSuffix(path, ".zip") {
		archive, err := zip.OpenReader(path)
		require.NoError(t, err)
		defer func() { _ = archive.Close() }()
		for _, entry := range archive.File {
			content, err := entry.Open()
			require.NoError(t, err)
			add(entry.Name, content)
		}
		return files
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(t, err)
	for archive := tar.NewReader(reader); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		require.True(t, header.ModTime.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), header.Name)
		add(header.Name, archive)
	}
}

// requireRelease checks that an archive and its list of parts hold what belongs to a platform, and returns its files.
func requireRelease(t *testing.T, folder, platform string) map[string][]byte {
	t.Helper()
	system, architecture, _ := strings.Cut(platform, "/")
	name, binary := "userorder_1.2.3_"+system+"_"+architecture, "userorder"
	archive := name + ".tar.gz"
	if system == "windows" {
		archive, binary = name+".zip", "userorder.exe"
	}
	files := unpacked(t, filepath.Join(folder, "dist", archive))
	want := []string{
		binary, "README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE", "THIRD_PARTY_LICENSES.txt", "userorder.1",
		"completions/userorder.bash", "completions/_userorder", "completions/userorder.fish",
	}
	if system == "linux" {
		want = append(want, "userorder.service", "userorder.socket")
	}
	require.Len(t, files, len(want))
	for _, file := range want {
		require.NotEmpty(t, files[file], file)
	}
	require.False(t, bytes.Contains(files[binary], []byte(folder)), "the program names the folder in which it was built")
	built, err := buildinfo.Read(bytes.NewReader(files[binary]))
	require.NoError(t, err)
	recorded := map[string]string{}
	for _, setting := range built.Settings {
		recorded[setting.Key] = setting.Value
	}
	require.Equal(t, []string{system, architecture, "0", "true"},
		[]string{recorded["GOOS"], recorded["GOARCH"], recorded["CGO_ENABLED"], recorded["-trimpath"]})

	list, err := os.ReadFile(filepath.Join(folder, "dist", name+".cdx.json"))
	require.NoError(t, err)
	var parts struct {
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version, Purl string }
	}
	require.NoError(t, json.Unmarshal(list, &parts))
	require.Empty(t, parts.SerialNumber+parts.Metadata.Timestamp)
	require.Equal(t, "userorder v1.2.3", parts.Metadata.Component.Name+" "+parts.Metadata.Component.Version)
	versions := map[string]string{}
	for _, part := range parts.Components {
		versions[part.Name] = part.Version
	}
	require.Len(t, versions, len(built.Deps)+len([]string{"std", "preact", "htm", "swagger-ui-dist"}))
	licences := string(files["THIRD_PARTY_LICENSES.txt"])
	for _, module := range built.Deps {
		require.Equal(t, module.Version, versions[module.Path], module.Path)
		require.True(t, strings.Contains(licences, "\n"+module.Path+" "+module.Version+": "), "no licence of %s", module.Path) //nolint:testifylint // it would print them
	}
	for _, part := range []string{"Go 1.", "Embedded: preact: LICENSE.preact", "Embedded: preact: LICENSE.htm", "Embedded: swagger-ui: NOTICE"} {
		require.True(t, strings.Contains(licences, "\n"+part), "no licence of %s", part) //nolint:testifylint
	}
	return files
}

func TestAReleaseIsWholeAndSaysItsVersionEverywhere(t *testing.T) {
	folder := needRelease(t)
	files := requireRelease(t, folder, here)
	binary := filepath.Join(t.TempDir(), "userorder")
	require.NoError(t, os.WriteFile(binary, files["userorder"], 0o755))
	program, err := elf.Open(binary)
	require.NoError(t, err)
	libraries, err := program.ImportedLibraries()
	require.NoError(t, errors.Join(err, program.Close()))
	require.Empty(t, libraries, "not static")

	head, err := exec.Command("git", "-C", folder, "rev-parse", "HEAD").Output()
	require.NoError(t, err)
	said, err := exec.Command(binary, "version").Output()
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("userorder v1.2.3\ncommit %s%s %s\n", head, runtime.Version(), here), string(said))
	require.Contains(t, string(files["userorder.1"]), ".Dd January 2, 2026\n")

	ops := fmt.Sprint("127.0.0.1:", freePort(t))
	p := launch(t, t.TempDir(), exec.Command(binary), "OPS_ADDR="+ops)
	document := send("GET", p.url(t)+"/openapi.json", "", "")
	require.Regexp(t, `^.{0,200}"version": ?"v1\.2\.3"`, document.body[:min(len(document.body), 300)])
	metrics := send("GET", "http://"+ops+"/metrics", "", "").body
	require.True(t, strings.Contains(metrics, `version="v1.2.3"`)) //nolint:testifylint // it would print them
	p.stop(t)
}

// TestTheOtherPlatformsAreReleasedToo takes minutes if nothing has been built for them.
func TestTheOtherPlatformsAreReleasedToo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "others")
	require.NoError(t, inRepository(needRelease(t), "git", "worktree", "add", "-q", folder, "v1.2.3"))
	var others []string
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"} {
		if platform != here {
			others = append(others, platform)
		}
	}
	require.NoError(t, inRepository(folder, "make", "release", "PLATFORMS="+strings.Join(others, " ")))
	require.Len(t, sums(t, folder), 7) // three archives, three lists, one package
	for _, platform := range others {
		requireRelease(t, folder, platform)
	}
}
