//go:build unix

package e2e

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheProgramIsSmall has room for a megabyte or two. If it fails by six, something keeps the linker from leaving out
// methods that nobody calls: docs/decisions/0030-size.md says how to find it.
func TestTheProgramIsSmall(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("other systems have other sizes")
	}
	binary, err := build()
	require.NoError(t, err)
	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	for _, caller := range []string{"text/template.(*state).evalField", "validator/v10.tryCallValidateFn"} {
		require.False(t, bytes.Contains(content, []byte(caller)), "%s calls methods by names that the linker cannot know", caller)
	}
	require.Less(t, len(content), 28_500_000)
}
