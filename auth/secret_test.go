package auth_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
)

func TestFileSecret(t *testing.T) {
	t.Run("is made once, random, for its owner alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		first, made, err := auth.FileSecret(path)
		require.NoError(t, err)
		require.True(t, made)
		require.NoError(t, auth.CheckSecret(first))
		if runtime.GOOS != "windows" {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
		}
		again, made, err := auth.FileSecret(path)
		require.NoError(t, err)
		require.False(t, made)
		require.Equal(t, first, again)

		other, _, err := auth.FileSecret(filepath.Join(t.TempDir(), "jwt_secret"))
		require.NoError(t, err)
		require.NotEqual(t, first, other)
	})
	t.Run("that somebody wrote is read without its newline", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(secret), "\r\n"...), 0o600))
		got, made, err := auth.FileSecret(path)
		require.NoError(t, err)
		require.False(t, made)
		require.Equal(t, secret, got)
	})
	t.Run("that is too short is refused and left alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		require.NoError(t, os.WriteFile(path, []byte("short\n"), 0o600))
		_, _, err := auth.FileSecret(path)
		require.ErrorContains(t, err, path+" has 5 bytes and needs at least 32; remove it for a new one")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "short\n", string(text))
	})
	t.Run("cannot be made in a folder that is not there", func(t *testing.T) {
		_, _, err := auth.FileSecret(filepath.Join(t.TempDir(), "nowhere", "jwt_secret"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("is made by one of many that start at once", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		var makers, readers sync.Map
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				switch got, made, err := auth.FileSecret(path); {
				case err != nil:
					t.Errorf("a start failed: %v", err)
				case made:
					makers.Store(i, string(got))
				default:
					readers.Store(i, string(got))
				}
			})
		}
		group.Wait()
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		count := 0
		makers.Range(func(_, got any) bool {
			count++
			require.Equal(t, string(text), got.(string)+"\n")
			return true
		})
		require.Equal(t, 1, count)
		readers.Range(func(_, got any) bool {
			require.Equal(t, string(text), got.(string)+"\n")
			return true
		})
	})
}
