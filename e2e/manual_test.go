//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// printed writes what a command of the program prints into a file and returns its path.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	text, err := exec.Command(binary, args...).Output()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "printed")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestMandocFindsNothingWrongWithTheManual(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	need(t, "mandoc", err)
	page := printed(t, "man")
	out, err := exec.Command(mandoc, "-T", "lint", "-W", "warning", page).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out))
	out, err = exec.Command(mandoc, "-T", "ascii", "-O", "width=200", page).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "copy the SQLite database to FILE while the service runs.")
}

// TestEachShellCompletesCommandsOptionsAndFiles asks the shells, in a folder with a single file, what may follow.
func TestEachShellCompletesCommandsOptionsAndFiles(t *testing.T) {
	t.Parallel()
	ask := map[string]string{
		"bash": `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _userorder; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source $argv[1]; complete -C "$argv[2..]" | string replace -r '\t.*' ''; true`,
		// The functions are those of zsh's completion, which runs on a terminal alone.
		"zsh": `compdef() {}; _describe() { print -l ${(P)2} }; compadd() { shift; print -l -- $@ }; _files() { print -l * }; source $0
			words=("$@") CURRENT=$#; _userorder | sed 's/:.*//' | grep "^${words[-1]}" || true`,
	}
	for shell, script := range ask {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			_, err := exec.LookPath(shell)
			need(t, shell, err)
			folder := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(folder, "my copy.db"), nil, 0o600))
			completion := printed(t, "completion", shell)
			for line, want := range map[string][]string{
				"userorder mig":             {"migrate", "migrate-data"},
				"userorder ba":              {"backup"},
				"userorder nothing":         nil,
				"userorder migrate-data --": {"--from", "--to"},
				"userorder doctor --j":      {"--json"},
				"userorder completion z":    {"zsh"},
				"userorder backup my":       {"my copy.db"},
				"userorder serve my":        nil,
			} {
				args := append([]string{"-c", script, completion}, strings.Split(line, " ")...)
				command := exec.Command(shell, args...)
				command.Dir, command.Env = folder, append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder)
				out, err := command.CombinedOutput()
				require.NoError(t, err, string(out))
				got := strings.FieldsFunc(strings.ReplaceAll(string(out), `\ `, " "), func(r rune) bool { return r == '\n' })
				require.ElementsMatch(t, want, got, "%s", line)
			}
		})
	}
}
