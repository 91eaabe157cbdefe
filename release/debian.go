package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	nfpm       = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2" // MIT
	maintainer = "The userorder authors <userorder@localhost>"
)

// packForDebian makes a package of the files of an archive: nfpm.yaml says where each goes.
func (r release) packForDebian(ctx context.Context, platform string, files []file) error {
	folder := filepath.Join(r.stage, "debian_"+filepath.Base(platform))
	version, architecture := debianVersion(r.version), filepath.Base(platform)
	files = append(slices.Clone(files), file{name: "changelog", content: fmt.Appendf(nil,
		"userorder (%s) stable; urgency=medium\n\n  * CHANGELOG.md.gz says what is new.\n\n -- %s  %s\n",
		version, maintainer, r.commit.Format(time.RFC1123Z))})
	for _, f := range files {
		var err error
		switch f.name {
		case "userorder.service":
			f.content, err = unitOfPackage(f.content)
		case "userorder.1", "CHANGELOG.md", "changelog":
			f.name += ".gz"
			f.content, err = compressed(f.content)
		case "LICENSE":
			f.name, f.content = "copyright", fmt.Appendf(nil, "%s\nThe licences of what it contains are in THIRD_PARTY_LICENSES.txt.\n", f.content)
		}
		if err != nil {
			return err
		}
		path := filepath.Join(folder, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, 0o600); err != nil { // nfpm.yaml has the modes
			return err
		}
	}
	_, err := command(ctx, []string{
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.commit.Unix(), 10),
		"VERSION=" + version, "ARCHITECTURE=" + architecture, "STAGE=" + folder, "MAINTAINER=" + maintainer,
	}, "go", "run", nfpm, "package", "--config", "release/nfpm.yaml", "--packager", "deb",
		"--target", filepath.Join(dist, "userorder_"+version+"_"+architecture+".deb"))
	return err
}

// unitOfPackage returns the systemd unit with the path of packages, and a user that exists before the service has been
// started: the data belong to it, and so does the right to read the settings. How to install the unit by hand goes.
func unitOfPackage(unit []byte) ([]byte, error) {
	text := string(unit)
	if head, rest, ok := strings.Cut(text, "#\n"); ok && strings.HasPrefix(head, "# install ") {
		text = rest
	}
	for _, line := range []string{"ExecStart=/usr/local/bin/userorder", "DynamicUser=yes"} {
		if !strings.Contains(text, "\n"+line) {
			return nil, fmt.Errorf("deploy/userorder.service has no line %s: how does the package change it?", line)
		}
	}
	return []byte(strings.NewReplacer("/usr/local/bin/userorder", "/usr/bin/userorder", "\nDynamicUser=yes\n", "\nUser=userorder\n").Replace(text)), nil
}

// compressed returns content as gzip -9n does.
func compressed(content []byte) ([]byte, error) {
	var text bytes.Buffer
	w, err := gzip.NewWriterLevel(&text, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return text.Bytes(), err
}

var (
	described = regexp.MustCompile(`^(.+)-(\d+)-g([0-9a-f]+)$`) // git describe, after a tag
	bare      = regexp.MustCompile(`^[0-9a-f]{7,}$`)            // and without one
)

// debianVersion returns a version in the order of Debian: 1.2.3~rc1 before 1.2.3 before 1.2.3+4.g0a1b2c3.
func debianVersion(version string) string {
	version, dirty := strings.CutSuffix(version, "-dirty")
	suffix := ""
	switch match := described.FindStringSubmatch(version); {
	case match != nil:
		version, suffix = match[1], "+"+match[2]+".g"+match[3]
	case bare.MatchString(version):
		version, suffix = "0", "+g"+version
	}
	if dirty {
		suffix += "+dirty"
	}
	return strings.Replace(strings.TrimPrefix(version, "v"), "-", "~", 1) + suffix
}
