package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"userorder/auth"
	"userorder/database"
	"userorder/doctor"
	"userorder/settings"
	"userorder/telemetry"
)

// checkSettings tells what is invalid, and which variables may be misspelled.
func checkSettings(invalid error) check {
	return func(_ context.Context, cfg Config) (found []doctor.Finding) {
		if invalid != nil {
			_, faults, _ := strings.Cut(invalid.Error(), settings.ErrInvalid.Error()+":\n")
			for fault := range strings.Lines(faults) {
				found = append(found, doctor.Fail("correct it: the other checks wait for that, and userorder help lists all settings",
					"%s", strings.TrimSuffix(strings.TrimSpace(fault), ".")))
			}
		}
		for _, misspelled := range cfg.Misspelled {
			found = append(found, doctor.Warn("rename or unset it", "%s is not a setting: %s may be meant", misspelled.Name, misspelled.Meant))
		}
		if found == nil {
			found = append(found, doctor.Well("all valid"))
		}
		return found
	}
}

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

// fewCharacters is a number of different bytes that no random secret has.
const fewCharacters = 10

// checkSecret looks at the strength of the secret and at the modes of its file.
func checkSecret(_ context.Context, cfg Config) []doctor.Finding {
	path := cfg.SecretFile
	if len(cfg.Secret) == 0 {
		path = cfg.SecretPath
	}
	secret, err := auth.InspectSecret(cfg.Secret, path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && database.RequireFile(cfg.databaseURLs()[0]) != nil:
		return []doctor.Finding{doctor.Well("the first start makes one: %s", path)}
	case errors.Is(err, fs.ErrNotExist):
		return []doctor.Finding{doctor.Warn("put it back, or set JWT_SECRET: the next start makes a new one, which logs everybody out", "there is no file %s", path)}
	case err != nil:
		fault, remedy, _ := strings.Cut(err.Error(), "; ")
		return []doctor.Finding{doctor.Fail(remedy, "%s", fault)}
	}
	var found []doctor.Finding
	given := len(cfg.Secret) > 0 // in a container its file may belong to a group
	switch remedy := "chmod 600 " + path + "; if somebody has read it, a new secret is due"; {
	case secret.ExposedFile == 0, given && secret.ExposedFile&0o006 == 0:
	case given:
		found = append(found, doctor.Warn(remedy, "all users can read or change %s: %s", path, secret.ExposedFile))
	default:
		found = append(found, doctor.Fail(remedy, "other users can read or change %s: %s", path, secret.ExposedFile))
	}
	if secret.Exposed != 0 {
		folder := filepath.Dir(path)
		found = append(found, doctor.Warn("chmod 700 "+folder, "other users can list or change the folder of the secret, %s: %s", folder, secret.Exposed))
	}
	different := map[byte]bool{}
	for _, char := range secret.Value {
		different[char] = true
	}
	if len(different) < fewCharacters {
		found = append(found, doctor.Warn("use a random one: openssl rand -base64 32 makes it, and JWT_SECRET_PREVIOUS keeps everybody logged in",
			"it has only %d different characters, so it may be guessed", len(different)))
	}
	if found == nil {
		found = append(found, doctor.Well("%d bytes, from %s", len(secret.Value), secret.Source))
	}
	return found
}
