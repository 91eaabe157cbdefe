//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// allowedCalls returns the system calls that the systemd unit allows.
func allowedCalls(t *testing.T) map[string]bool {
	analyze, err := exec.LookPath("systemd-analyze")
	need(t, "systemd-analyze", err)
	unit, err := os.ReadFile("../deploy/userorder.service")
	require.NoError(t, err)
	allowed := map[string]bool{}
	var set func(name string, member bool)
	set = func(name string, member bool) {
		if name[0] != '@' {
			allowed[name] = member
			return
		}
		text, err := exec.Command(analyze, "syscall-filter", name).Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line != name && line[0] != '#' {
				set(line, member)
			}
		}
	}
	filters := regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(string(unit), -1)
	require.NotEmpty(t, filters)
	for _, filter := range filters {
		for _, name := range strings.Fields(filter[2]) {
			set(name, filter[1] == "")
		}
	}
	return allowed
}

// TestTheSystemdUnitAllowsWhatTheServiceCalls compares the filter of the unit with what the service does when it starts, works,
// makes a backup and stops. Systemd itself does not run here.
func TestTheSystemdUnitAllowsWhatTheServiceCalls(t *testing.T) {
	slow(t)
	t.Parallel()
	allowed, dir := allowedCalls(t), t.TempDir()
	strace, err := exec.LookPath("strace")
	need(t, "strace", err)
	executable, err := build()
	require.NoError(t, err)
	calls := filepath.Join(dir, "calls")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "backups"), 0o700))
	p := launch(t, dir, exec.Command(strace, "-D", "-f", "-qq", "-o", calls, "--", executable), "BACKUP_DIR=backups", "BACKUP_EVERY=1s", "OPS_ADDR=127.0.0.1:0",
		"WATCHDOG_USEC=1000000")
	token := login(t, p.url(t))
	for range 20 {
		require.True(t, create(p.url(t), token, "p").ok())
	}
	require.Eventually(t, func() bool {
		made, err := filepath.Glob(filepath.Join(dir, "backups", "*"))
		return err == nil && len(made) > 0
	}, time.Minute, 100*time.Millisecond, "no backup")
	p.stop(t)
	text, err := os.ReadFile(calls)
	require.NoError(t, err)
	refused := map[string]int{}
	made := regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(made), 1000)
	for _, call := range made {
		if !allowed[call[1]] {
			refused[call[1]]++
		}
	}
	if os.Geteuid() == 0 { // for whom alone SQLite gives its files to the owner of the database
		delete(refused, "fchown")
	}
	require.Empty(t, refused)
}
