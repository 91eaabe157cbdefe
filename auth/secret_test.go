package auth_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
)

func TestLoadSecret(t *testing.T) {
	t.Run("prefers the settings to the file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		got, err := auth.LoadSecret(secret, path)
		require.NoError(t, err)
		require.Equal(t, auth.Secret{Value: secret, Source: "settings"}, got)
		require.NoFileExists(t, path)
	})
	t.Run("creates a random file once, for its owner alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		first, err := auth.LoadSecret(nil, path)
		require.NoError(t, err)
		require.Equal(t, "new file "+path, first.Source)
		require.NoError(t, auth.CheckSecret(first.Value))
		if runtime.GOOS != "windows" {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
		}
		again, err := auth.LoadSecret(nil, path)
		require.NoError(t, err)
		require.Equal(t, "file "+path, again.Source)
		require.Equal(t, first.Value, again.Value)

		other, err := auth.LoadSecret(nil, filepath.Join(t.TempDir(), "jwt_secret"))
		require.NoError(t, err)
		require.NotEqual(t, first.Value, other.Value)
	})
	t.Run("reads a file of the operator without its newline", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(secret), "\r\n"...), 0o600))
		got, err := auth.LoadSecret(nil, path)
		require.NoError(t, err)
		require.Equal(t, "file "+path, got.Source)
		require.Equal(t, secret, got.Value)
	})
	t.Run("refuses a short secret and leaves its file alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		require.NoError(t, os.WriteFile(path, []byte("short\n"), 0o600))
		_, err := auth.LoadSecret(nil, path)
		require.ErrorContains(t, err, path+" has 5 bytes and needs at least 32; remove it for a new one")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "short\n", string(text))
	})
	t.Run("creates no folder", func(t *testing.T) {
		_, err := auth.LoadSecret(nil, filepath.Join(t.TempDir(), "nowhere", "jwt_secret"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("reports a folder that others can read", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such modes")
		}
		for mode, want := range map[os.FileMode]os.FileMode{
			0o700: 0, 0o711: 0, 0o750: os.ModeDir | 0o750, 0o755: os.ModeDir | 0o755, 0o704: os.ModeDir | 0o704,
		} {
			folder := t.TempDir()
			require.NoError(t, os.Chmod(folder, mode))
			for range 2 { // created, and read
				got, err := auth.LoadSecret(nil, filepath.Join(folder, "jwt_secret"))
				require.NoError(t, err)
				require.Equal(t, want, got.Exposed, mode)
			}
		}
	})
	t.Run("creates one file for many processes that start at once", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		var creators atomic.Int64
		var secrets sync.Map
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				got, err := auth.LoadSecret(nil, path)
				if err != nil {
					t.Errorf("a start failed: %v", err)
				}
				if got.Source == "new file "+path {
					creators.Add(1)
				}
				secrets.Store(i, string(got.Value))
			})
		}
		group.Wait()
		require.EqualValues(t, 1, creators.Load())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		secrets.Range(func(_, got any) bool {
			require.Equal(t, string(text), got.(string)+"\n")
			return true
		})
	})
}
