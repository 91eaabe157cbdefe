package deploy

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSystemdUnits(t *testing.T) {
	for _, unit := range []string{"userorder.service", "userorder.socket"} {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			require.Regexp(t, `^(#.*|\[(Unit|Service|Socket|Install)\]|[A-Z][A-Za-z]+=.*)?\n$`, line)
		}
		for _, setting := range regexp.MustCompile(`(?m)^Environment=(\w+)=`).FindAllStringSubmatch(string(text), -1) {
			requireSetting(t, setting[1])
		}
	}
	analyze := systemdAnalyze(t)
	out, _ := exec.Command(analyze, "verify", "userorder.service", "userorder.socket").CombinedOutput()
	for line := range strings.Lines(string(out)) { // the only complaint allowed: the program is not installed here
		require.Contains(t, line, "/usr/local/bin/userorder is not executable", string(out))
	}
}

func TestTheSystemdUnitGivesTheServiceLittle(t *testing.T) {
	const worst = "20" // tenths of systemd's exposure level, of which 100 is everything
	out, err := exec.Command(systemdAnalyze(t), "security", "--offline=true", "--threshold="+worst, "userorder.service").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "Overall exposure level")
}

// systemdAnalyze returns the path of systemd-analyze, or skips the test.
func systemdAnalyze(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		_ = os.Getenv("TEST_TOOLS") // a list from make, so that go test caches no result across an installation
		t.Skipf("needs systemd-analyze: %v", err)
	}
	return path
}
