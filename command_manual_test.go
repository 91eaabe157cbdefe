package main

import (
	"runtime"
	"strings"
	"testing"

	"userorder/settings"

	"github.com/stretchr/testify/require"
)

func TestTheManualHasEveryCommandAndEverySetting(t *testing.T) {
	text, err := said(t, map[string]string{"PORT": "http", "SOURCE_DATE_EPOCH": "1767323045"}, "man")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, ".Dd January 2, 2026\n.Dt USERORDER 1\n"), text)
	for _, c := range commands() {
		require.Contains(t, text, "\n.It Ic \""+roff(strings.TrimSpace(c.name+" "+c.operands))+"\"\n"+roff(c.about)+".\n")
	}
	defaults := settings.NewReader(t.Context(), nil)
	readConfig(defaults)
	for _, s := range defaults.Read() {
		require.Contains(t, text, "\n.It Ev "+s.Name+"\n"+roff(s.Meaning)+".\n")
	}
	require.Contains(t, text, "\n.It Ev PORT\nthe port to listen on, 443 with TLS_DOMAINS; 0 is any.\nThe default is 5000.\n")
	require.Contains(t, text, "\nThe default is that of DATABASE_URL.\n")
}

// TestTheManualIsTheSameOnEveryMachine fails for a default that depends on the machine and is not in ofTheMachine.
func TestTheManualIsTheSameOnEveryMachine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	env := map[string]string{"SOURCE_DATE_EPOCH": "0"}
	one, err := said(t, env, "man")
	require.NoError(t, err)
	runtime.GOMAXPROCS(64)
	many, err := said(t, env, "man")
	require.NoError(t, err)
	require.Equal(t, one, many)
}

func TestWhatRoffTakesForItsOwnIsEscaped(t *testing.T) {
	for text, want := range map[string]string{
		`C:\data`:          `C:\edata`,
		"--from URL":       `\-\-from URL`,
		`say "yes"`:        `say \(dqyes\(dq`,
		"one. Two. three":  "one.\nTwo. three",
		"its path:\n.file": "its path:\n\\&.file",
	} {
		require.Equal(t, want, roff(text))
	}
}

func TestWhatMayFollowACommandIsReadFromTheTable(t *testing.T) {
	for operands, want := range map[string][]string{
		"":                     nil,
		"FILE":                 nil,
		"[--customer] NAME":    {"--customer"},
		"--from URL --to URL":  {"--from", "--to"},
		"bash|zsh|fish":        {"bash", "zsh", "fish"},
		"[--json] [FILE|none]": {"--json"},
	} {
		c := command{operands: operands}
		require.Equal(t, want, c.words(), operands)
		require.Equal(t, strings.Contains(operands, "FILE"), c.takesFile())
	}
}

func TestAShellThatIsNotKnownIsAnsweredWithTheUsage(t *testing.T) {
	_, err := said(t, nil, "completion", "csh")
	require.ErrorIs(t, err, errUsage)
	require.ErrorContains(t, err, "userorder: completion takes bash|zsh|fish\n")
}
