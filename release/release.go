// Release builds what a release consists of into the folder dist: for each platform an archive and a list of what is
// inside (CycloneDX), for Linux a Debian package, and SHA256SUMS. The same commit and the same Go make the same bytes,
// whatever the machine and the folder.
//
//	VERSION=v1.2.3 go run ./release [linux/amd64 …]
//
// in the top folder of the repository; make release passes the version that git knows.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const dist = "dist"

var platforms = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Getenv("VERSION"), os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one run of this program.
type release struct {
	version string    // as the program shows it: v1.2.3
	commit  time.Time // the time of everything that is made
	stage   string    // a folder for what is not shipped as it is
	manual  []file    // the manual page and the completions
}

// file is one file of an archive.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

func run(ctx context.Context, version string, wanted []string) (err error) {
	if !regexp.MustCompile(`^v?[0-9a-f][0-9A-Za-z.+-]*$`).MatchString(version) {
		return fmt.Errorf("VERSION is %q and must be a tag such as v1.2.3: make release takes it from git", version)
	}
	if len(wanted) == 0 {
		wanted = platforms
	}
	for _, platform := range wanted {
		if !regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`).MatchString(platform) {
			return fmt.Errorf("the platform %q must be like linux/amd64", platform)
		}
	}
	r := release{version: version}
	if r.commit, err = commitTime(ctx); err != nil {
		return err
	}
	if r.stage, err = os.MkdirTemp("", "userorder-release-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.stage)) }()
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	if err := os.Mkdir(dist, 0o755); err != nil { //nolint:gosec // for everybody to read
		return err
	}
	if r.manual, err = r.document(ctx); err != nil {
		return err
	}
	for _, platform := range wanted {
		if err := r.build(ctx, platform); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	return sum()
}

// commitTime returns the time that all files get: that of SOURCE_DATE_EPOCH, or of the commit.
func commitTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := command(ctx, nil, "git", "log", "-1", "--format=%ct")
		if err != nil {
			return time.Time{}, fmt.Errorf("the time of the commit, which SOURCE_DATE_EPOCH would be: %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// command runs a command without what the environment says of other platforms, and returns its standard output.
func command(ctx context.Context, environ []string, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // ours, with a version and platforms that run has checked
	var stderr bytes.Buffer
	c.Stderr = &stderr
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off",
		"GOFLAGS=-buildvcs=false") // which differs between a worktree and a clone; the Makefile passes version and commit
	c.Env = append(c.Env, environ...)
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, stderr.Bytes())
	}
	return out, nil
}

// compile builds the program for a platform, or for this machine if it is empty, and returns its path.
func (r release) compile(ctx context.Context, platform string) (string, error) {
	system, _, _ := strings.Cut(cmp.Or(platform, runtime.GOOS), "/")
	binary := filepath.Join(r.stage, strings.ReplaceAll(cmp.Or(platform, "here"), "/", "_"), "userorder")
	if system == "windows" {
		binary += ".exe"
	}
	if err := os.Mkdir(filepath.Dir(binary), 0o700); err != nil { //nolint:gosec // the platform is checked
		return "", err
	}
	_, err := command(ctx, target(platform), "make", "build", "OUTPUT="+binary, "VERSION="+r.version)
	return binary, err
}

// target returns the variables that make Go build for a platform.
func target(platform string) []string {
	system, architecture, _ := strings.Cut(platform, "/")
	return []string{"GOOS=" + system, "GOARCH=" + architecture}
}

// document returns the manual page and the completions, as the program prints them, and stages them for the packages.
func (r release) document(ctx context.Context) (files []file, err error) {
	binary, err := r.compile(ctx, "")
	if err != nil {
		return nil, err
	}
	date := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.commit.Unix(), 10)}
	for _, made := range []struct {
		name string
		args []string
	}{
		{"userorder.1", []string{"man"}},
		{"completions/userorder.bash", []string{"completion", "bash"}},
		{"completions/_userorder", []string{"completion", "zsh"}},
		{"completions/userorder.fish", []string{"completion", "fish"}},
	} {
		text, err := command(ctx, date, binary, made.args...)
		if err != nil {
			return nil, err
		}
		files = append(files, file{made.name, 0o644, text})
	}
	return files, nil
}

// build makes everything for one platform.
func (r release) build(ctx context.Context, platform string) error {
	binary, err := r.compile(ctx, platform)
	if err != nil {
		return err
	}
	licences, err := thirdParty(ctx, platform, binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary) //nolint:gosec // ours
	if err != nil {
		return err
	}
	files := append([]file{
		{filepath.Base(binary), 0o755, content}, {"THIRD_PARTY_LICENSES.txt", 0o644, licences},
	}, r.manual...)
	sources := map[string]string{"LICENSE": "LICENSE", "README.md": "README.md", "README.zh-CN.md": "README.zh-CN.md", "CHANGELOG.md": "CHANGELOG.md"}
	if strings.HasPrefix(platform, "linux/") {
		sources["userorder.service"], sources["userorder.socket"] = "deploy/userorder.service", "deploy/userorder.socket"
	}
	for name, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files = append(files, file{name, 0o644, text})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })

	name := "userorder_" + strings.TrimPrefix(r.version, "v") + "_" + strings.ReplaceAll(platform, "/", "_")
	if err := r.listParts(ctx, binary, filepath.Join(dist, name+".cdx.json")); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(platform, "windows/"):
		return writeZip(filepath.Join(dist, name+".zip"), name, r.commit, files)
	case strings.HasPrefix(platform, "linux/"):
		if err := r.packForDebian(ctx, platform, files); err != nil {
			return err
		}
	}
	return writeTar(filepath.Join(dist, name+".tar.gz"), name, r.commit, files)
}

// sum writes SHA256SUMS and prints what was made.
func sum() error {
	made, err := os.ReadDir(dist)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, entry := range made {
		content, err := os.ReadFile(filepath.Join(dist, entry.Name()))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), entry.Name())
		fmt.Printf("%9d  %s\n", len(content), filepath.Join(dist, entry.Name()))
	}
	fmt.Printf("%9d  %s\nwith %s\n", sums.Len(), filepath.Join(dist, "SHA256SUMS"), runtime.Version())
	return os.WriteFile(filepath.Join(dist, "SHA256SUMS"), sums.Bytes(), 0o644) //nolint:gosec // for everybody to read
}
