package telemetry

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildIsReadFromWhatGoRecorded(t *testing.T) {
	b := buildOf(&debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0a1b2c"}, {Key: "vcs.modified", Value: "true"}},
	})
	require.Equal(t, Build{Version: "v1.2.3", Commit: "0a1b2c (changed)", GoVersion: "go1.26.8"}, b)
}

func TestTheVersionThatABuildIsGivenComesFirst(t *testing.T) {
	defer func(given string) { version = given }(version)
	version = "v9.8.7"
	require.Equal(t, "v9.8.7", ReadBuild().Version)
	require.NotEmpty(t, ReadBuild().Commit)
}
