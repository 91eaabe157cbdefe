//go:build unix

package settings

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// secretIn reads a setting from the file at path and returns its value and the fault.
func secretIn(ctx context.Context, path string) (value, fault string) {
	r := NewReader(ctx, []string{"KEY_FILE=" + path})
	value = r.Secret("KEY", "m", Fallback{}, func(string) (string, error) { return Masked, nil })
	if err := r.Err(); err != nil {
		fault = strings.TrimPrefix(err.Error(), "wrong settings:\n")
	}
	return value, fault
}

func TestASettingMayComeFromAPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte("hunter2\n"), 0o600) }()
	value, fault := secretIn(t.Context(), pipe)
	require.Empty(t, fault)
	require.Equal(t, "hunter2", value)
}

func TestAPipeWithoutAWriterHoldsUpNoStart(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	began := time.Now()
	_, fault := secretIn(stopped, pipe)
	require.Less(t, time.Since(began), fileTimeout, "a stop does not end the wait")
	want := "KEY_FILE names a file that has not been read after 5s: " + pipe + " may be a pipe without a writer."
	require.Equal(t, want, fault)
	_, fault = secretIn(t.Context(), pipe)
	require.Equal(t, want, fault)
}

func TestAFileThatCannotHoldASettingIsRefusedWithItsFault(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	for _, test := range []struct{ content, want string }{
		{strings.Repeat("s", maxFile+1), "is longer than 64 KiB: " + path + "."},
		{inUTF16(false, "hunter2\r\n"), "is in UTF-16, as PowerShell's > writes: save it in UTF-8: " + path + "."},
		{inUTF16(true, "\ufeffpostgres://me@db/商店\n"), "is in UTF-16, as PowerShell's > writes: save it in UTF-8: " + path + "."},
	} {
		require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
		_, fault := secretIn(t.Context(), path)
		require.Equal(t, "KEY_FILE names a file that "+test.want, fault)
	}
	_, fault := secretIn(t.Context(), "/dev/zero")
	require.Equal(t, "KEY_FILE names a file that is longer than 64 KiB: /dev/zero.", fault)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("s", maxFile)), 0o600))
	value, fault := secretIn(t.Context(), path)
	require.Empty(t, fault)
	require.Len(t, value, maxFile)
}

// inUTF16 returns text in UTF-16, the more significant byte first if bigEndian is set.
func inUTF16(bigEndian bool, text string) string {
	var bytes []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if bigEndian {
			bytes = append(bytes, byte(unit>>8), byte(unit))
		} else {
			bytes = append(bytes, byte(unit), byte(unit>>8))
		}
	}
	return string(bytes)
}
