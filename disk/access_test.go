package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsMissingCanBeNeitherReadNorWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, Readable(file))
	require.NoError(t, Writable(dir))
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("this system does not say")
	}
	require.ErrorIs(t, Readable(filepath.Join(dir, "none")), os.ErrNotExist)
	require.ErrorIs(t, Writable(filepath.Join(dir, "none")), os.ErrNotExist)
}
