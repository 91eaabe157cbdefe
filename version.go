package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// build is what the program was built from, as Go has written it into it. What Go did not know is "unknown".
type build struct {
	version, commit, goVersion string
}

func readBuild() build {
	b := build{goVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b = buildOf(info)
	}
	b.version, b.commit = cmp.Or(b.version, "unknown"), cmp.Or(b.commit, "unknown")
	return b
}

func buildOf(info *debug.BuildInfo) build {
	b := build{version: info.Main.Version, goVersion: info.GoVersion}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			b.commit = setting.Value + b.commit
		case setting.Key == "vcs.modified" && setting.Value == "true":
			b.commit += " (changed)"
		}
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("userorder %s\ncommit %s\n%s %s/%s", b.version, b.commit, b.goVersion, runtime.GOOS, runtime.GOARCH)
}
