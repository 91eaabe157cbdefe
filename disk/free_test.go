package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFreeSpaceIsThatOfTheFileSystemOfThePath(t *testing.T) {
	dir := t.TempDir()
	free, err := Free(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not say")
	}
	require.NoError(t, err)
	require.Positive(t, free)
	_, err = Free(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
