package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheVersionOfTheDebianPackage(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                       "1.2.3",
		"1.2.3":                        "1.2.3",
		"v1.2.3-rc.1":                  "1.2.3~rc.1",
		"v1.2.3-dirty":                 "1.2.3+dirty",
		"v1.2.3-4-g0a1b2c3":            "1.2.3+4.g0a1b2c3",
		"v1.2.3-rc.1-4-g0a1b2c3-dirty": "1.2.3~rc.1+4.g0a1b2c3+dirty",
		"0a1b2c3":                      "0+g0a1b2c3",
		"d0a1b2c-dirty":                "0+gd0a1b2c+dirty",
	} {
		require.Equal(t, want, debianVersion(version), version)
	}
}

func TestDebianTakesVersionsInTheOrderOfReleases(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		_ = os.Getenv("TEST_TOOLS") // a list from make, so that go test caches no result across an installation
		t.Skipf("needs dpkg: %v", err)
	}
	order := []string{"0a1b2c3", "v1.2.3-rc.1", "v1.2.3-rc.2", "v1.2.3", "v1.2.3-4-g0a1b2c3", "v1.2.3-10-g0a1b2c3", "v1.2.4", "v1.10.0"}
	for i := range order[1:] {
		a, b := debianVersion(order[i]), debianVersion(order[i+1])
		out, err := exec.Command(dpkg, "--compare-versions", a, "lt", b).CombinedOutput()
		require.NoError(t, err, "%s, %s: %s", a, b, out)
	}
}

func TestAVersionThatNoTagCanBeEndsTheRelease(t *testing.T) {
	for _, version := range []string{"", "latest", "v1.2.3; rm -r x", "v1.2.3 X", "../1"} {
		require.ErrorContains(t, run(t.Context(), version, nil), "must be a tag such as v1.2.3", version)
	}
}

func TestAPlatformThatIsNoneEndsTheRelease(t *testing.T) {
	for _, platform := range []string{"", "linux", "../amd64", "linux/amd64/v3", "Linux/amd64"} {
		require.ErrorContains(t, run(t.Context(), "v1.2.3", []string{platform}), "must be like linux/amd64", platform)
	}
}

func TestTheUnitOfThePackageIsThatOfTheRepositoryWithAUser(t *testing.T) {
	unit, err := os.ReadFile("../deploy/userorder.service")
	require.NoError(t, err)
	packaged, err := unitOfPackage(unit)
	require.NoError(t, err)
	text := string(packaged)
	require.Contains(t, text, "\nUser=userorder\n")
	require.Contains(t, text, "\nExecStart=/usr/bin/userorder\n")
	require.NotContains(t, text, "/usr/local")
	require.NotContains(t, text, "DynamicUser")
	require.NotContains(t, text, "# install ")
	_, err = unitOfPackage([]byte("[Service]\nDynamicUser=yes\n"))
	require.ErrorContains(t, err, "has no line ExecStart=/usr/local/bin/userorder")
}

func TestLicencesAreKnownByTheirNames(t *testing.T) {
	folder := t.TempDir()
	want := []string{"COPYING", "LICENCE", "LICENSE-SQLITE", "LICENSE.htm", "NOTICE.txt", "PATENTS", "b.js.LICENSE.txt", "license.md"}
	for _, name := range append([]string{"license.go", "licensed.txt", "README.md", "go.mod"}, want...) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder, "LICENSES"), 0o700))
	for i, name := range want {
		want[i] = filepath.Join(folder, name)
	}
	require.Equal(t, want, licencesIn(folder))
}

func TestAnArchiveTellsNothingOfTheMachine(t *testing.T) {
	folder, at := t.TempDir(), time.Unix(1_767_323_044, 0).UTC()
	files := []file{{"userorder", 0o755, []byte("program")}, {"completions/_userorder", 0o644, nil}}
	packed, zipped := filepath.Join(folder, "a.tar.gz"), filepath.Join(folder, "a.zip")
	require.NoError(t, writeTar(packed, "top", at, files))
	require.NoError(t, writeZip(zipped, "top", at, files))

	raw, err := os.ReadFile(packed)
	require.NoError(t, err)
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(t, err)
	require.True(t, reader.ModTime.IsZero())
	require.Empty(t, reader.Name)
	archive := tar.NewReader(reader)
	for _, want := range files {
		header, err := archive.Next()
		require.NoError(t, err)
		require.Equal(t, "top/"+want.name, header.Name)
		require.Equal(t, int64(want.mode), header.Mode)
		require.Zero(t, header.Uid+header.Gid)
		require.Empty(t, header.Uname+header.Gname)
		require.True(t, at.Equal(header.ModTime))
	}
	_, err = archive.Next()
	require.ErrorIs(t, err, io.EOF)

	contents, err := zip.OpenReader(zipped)
	require.NoError(t, err)
	t.Cleanup(func() { _ = contents.Close() })
	require.Len(t, contents.File, len(files))
	for i, entry := range contents.File {
		require.Equal(t, "top/"+files[i].name, entry.Name)
		require.Equal(t, files[i].mode, entry.Mode())
		require.True(t, at.Equal(entry.Modified))
	}
}
