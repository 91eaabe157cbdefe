package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const hostile = "a\n\x1b[31m\x7f\u009b中\"b"

func TestControlCharactersAreEscapedInBothFormats(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var log bytes.Buffer
		NewLogger(LogConfig{JSON: asJSON}, &log).Info("request", slog.String("token", hostile))
		line := strings.TrimSuffix(log.String(), "\n")
		require.NotRegexp(t, `[[:cntrl:]]|\x{7f}|[\x{80}-\x{9f}]`, line)
		require.Contains(t, line, "中")
		if asJSON {
			var read struct{ Token string }
			require.NoError(t, json.Unmarshal(log.Bytes(), &read))
			require.Equal(t, "a\n\x1b[31m\\u007f\\u009b中\"b", read.Token)
		}
	}
}

// colour is what the terminal's handler writes itself: it never makes red text of level 31.
var colour = regexp.MustCompile(`\x1b\[(0|2|22|9[0-9])m`)

func TestATerminalGetsColoursAndNothingOfAClientThatItWouldObey(t *testing.T) {
	for _, noColor := range []bool{false, true} {
		var log bytes.Buffer
		logger := slog.New(newTerminalHandler(LogConfig{NoColor: noColor}, &log))
		logger.Info(hostile, "token", hostile, "error", errors.New(hostile), "took", time.Second)
		require.Equal(t, !noColor, colour.MatchString(log.String()))
		line := strings.TrimSuffix(colour.ReplaceAllString(log.String(), ""), "\n")
		require.NotRegexp(t, `[[:cntrl:]]|\x{7f}|[\x{80}-\x{9f}]`, line)
		require.Equal(t, 3, strings.Count(line, `[31m`), "it was cut out and not shown: %s", line)
		require.Contains(t, line, "took=1s")
	}
}

func TestLinesForATerminalAreAligned(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(newTerminalHandler(LogConfig{NoColor: true}, &log))
	logger.Info("stopping", "method", "GET")
	logger.Warn("listening", "method", "GET")
	lines := strings.Split(log.String(), "\n")
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3} INF stopping  method=GET$`, lines[0])
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3} WRN listening method=GET$`, lines[1])
}

func TestWhatIsNoTerminalGetsPlainText(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	require.False(t, IsTerminal(file))
	require.False(t, IsTerminal(&bytes.Buffer{}))
	NewLogger(LogConfig{}, file).Info("listening", "address", "a:1")
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Regexp(t, `^time=\S+ level=INFO msg=listening address=a:1\n$`, string(text))
}

func TestADurationInJSONHasItsUnitInItsName(t *testing.T) {
	var log bytes.Buffer
	NewLogger(LogConfig{JSON: true}, &log).Info("request", "took", 1500*time.Microsecond)
	var line map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.InDelta(t, 1.5, line["took_ms"], 0)
	require.NotContains(t, line, "took")
}
