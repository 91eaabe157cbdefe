package telemetry

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the Makefile, through -ldflags -X, to what git says: Go itself records nothing in a git
// worktree or where .git is missing, as in the build of an image.
var version, commit string

// Build says what the program was built from. What is not known is "unknown".
type Build struct {
	Version   string // the tag, or what follows the last one
	Commit    string // with " (changed)" if the tree was
	GoVersion string
}

// ReadBuild returns the version that the program was given when it was built, and otherwise what Go recorded in it (see
// [debug.ReadBuildInfo]). Only Go knows whether the tree was changed, so its commit comes first.
func ReadBuild() Build {
	b := Build{GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b = buildOf(info)
	}
	b.Version, b.Commit = cmp.Or(version, b.Version, "unknown"), cmp.Or(b.Commit, commit, "unknown")
	return b
}

func buildOf(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, GoVersion: info.GoVersion}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			b.Commit = setting.Value + b.Commit
		case setting.Key == "vcs.modified" && setting.Value == "true":
			b.Commit += " (changed)"
		}
	}
	return b
}

// String returns lines for people.
func (b Build) String() string {
	return fmt.Sprintf("userorder %s\ncommit %s\n%s %s/%s", b.Version, b.Commit, b.GoVersion, runtime.GOOS, runtime.GOARCH)
}
