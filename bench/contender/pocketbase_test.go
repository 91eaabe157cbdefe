package contender

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPocketBaseIsMissingIfItsModulesCannotBeDownloaded(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	_, err := Stage{Dir: t.TempDir()}.NewPocketBase(t.Context(), "../pocketbase")
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "PocketBase: not installed: go list")
}
