package main

import (
	"context"
	"strconv"
	"strings"

	"userorder/database"
	"userorder/doctor"
	"userorder/telemetry"
)

// badVersion is a range of versions that should not be used.
type badVersion struct {
	program, from, before string // before is the first version without the fault
	state                 doctor.State
	why, source           string
}

// badVersions holds what is known of the versions that this program can be built with. A version that was released later
// may be bad as well.
var badVersions = []badVersion{
	{"SQLite", "3.7.0", "3.51.3", doctor.Fault, "two connections at once may damage a file in WAL mode", "https://www.sqlite.org/wal.html#walresetbug"},
	{"Go", "1.26.0", "1.26.2", doctor.Warning, "its standard library has known vulnerabilities", "https://go.dev/doc/devel/release#go1.26.minor"},
}

// checkProgram looks up the versions of Go and SQLite in this program.
func checkProgram(context.Context, Config) []doctor.Finding {
	build := telemetry.ReadBuild()
	return judgeVersions(build.Version, strings.TrimPrefix(build.GoVersion, "go"), database.SQLiteVersion())
}

func judgeVersions(own, goVersion, sqliteVersion string) (found []doctor.Finding) {
	for _, bad := range badVersions {
		version := map[string]string{"Go": goVersion, "SQLite": sqliteVersion}[bad.program]
		if !isBefore(version, bad.from) && isBefore(version, bad.before) {
			found = append(found, doctor.Finding{
				State: bad.state, Found: "it has " + bad.program + " " + version + ": " + bad.why + " (" + bad.source + ")",
				Remedy: "use a build with " + bad.program + " " + bad.before + " or later",
			})
		}
	}
	if found == nil {
		found = append(found, doctor.Well("userorder %s with Go %s and SQLite %s, of which nothing bad is known", own, goVersion, sqliteVersion))
	}
	return found
}

// isBefore compares versions such as 1.26.8 number by number. A part that is no number counts up to its first letter.
func isBefore(version, other string) bool {
	a, b := strings.Split(version, "."), strings.Split(other, ".")
	for i := range max(len(a), len(b)) {
		if x, y := part(a, i), part(b, i); x != y {
			return x < y
		}
	}
	return false
}

func part(version []string, i int) int {
	if i >= len(version) {
		return 0
	}
	digits := version[i]
	if end := strings.IndexFunc(digits, func(char rune) bool { return char < '0' || char > '9' }); end >= 0 {
		digits = digits[:end]
	}
	number, _ := strconv.Atoi(digits) // 0 for none
	return number
}
