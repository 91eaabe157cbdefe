package telemetry

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Build says what the program was built from. What Go did not record is "unknown".
type Build struct {
	Version   string // the tag, or a pseudo-version
	Commit    string // with " (changed)" if the tree was
	GoVersion string
}

// ReadBuild returns what Go recorded in the program (see [debug.ReadBuildInfo]).
func ReadBuild() Build {
	b := Build{GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b = buildOf(info)
	}
	b.Version, b.Commit = cmp.Or(b.Version, "unknown"), cmp.Or(b.Commit, "unknown")
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
