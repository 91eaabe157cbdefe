package auth_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	t.Run("drops what nobody sees around the secret of a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		for _, around := range [][2]string{
			{"", "\n"}, {"\ufeff", ""}, {"\ufeff", "\r\n"}, {" ", "\t\n\n"}, {"\n\ufeff ", "\ufeff"}, {"\u00a0", "\u3000\u0085"},
		} {
			text := around[0] + string(secret) + around[1]
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			got, err := auth.LoadSecret(nil, path)
			require.NoError(t, err)
			require.Equal(t, secret, got.Value, "%q", text)
		}
	})
	t.Run("refuses white space alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		for _, text := range []string{"", "\n", strings.Repeat(" ", 40), "\ufeff", strings.Repeat("\ufeff\r\n", 20)} {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := auth.LoadSecret(nil, path)
			require.EqualError(t, err, path+" is empty; remove it for a new one, which logs everybody out")
			require.EqualError(t, auth.CheckSecret([]byte(text)), "is empty")
		}
	})
	t.Run("refuses a short secret and leaves its file alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		require.NoError(t, os.WriteFile(path, []byte("short\n"), 0o600))
		_, err := auth.LoadSecret(nil, path)
		require.ErrorContains(t, err, path+" has 5 bytes and needs at least 32; remove it for a new one")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "short\n", string(text))
		require.EqualError(t, auth.CheckSecret([]byte("s")), "has 1 byte and needs at least 32")
	})
	t.Run("creates no folder", func(t *testing.T) {
		_, err := auth.LoadSecret(nil, filepath.Join(t.TempDir(), "nowhere", "jwt_secret"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("reports a folder that others can read or change", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such modes")
		}
		for mode, want := range map[os.FileMode]os.FileMode{
			0o700: 0, 0o711: 0, 0o722: os.ModeDir | 0o722, 0o750: os.ModeDir | 0o750, 0o755: os.ModeDir | 0o755, 0o704: os.ModeDir | 0o704,
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
	t.Run("reports a file that others can reach and read or change", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such modes")
		}
		for _, test := range []struct {
			folder, file os.FileMode
			exposed      bool
		}{
			{0o711, 0o644, true}, {0o701, 0o604, true}, {0o710, 0o640, true}, {0o755, 0o644, true}, {0o711, 0o622, true},
			{0o700, 0o644, false}, {0o711, 0o600, false}, {0o755, 0o600, false}, {0o711, 0o611, false},
			{0o710, 0o604, false}, {0o701, 0o640, false}, {0o744, 0o644, false},
		} {
			path := filepath.Join(t.TempDir(), "jwt_secret")
			require.NoError(t, os.WriteFile(path, secret, 0o600))
			require.NoError(t, os.Chmod(path, test.file))
			require.NoError(t, os.Chmod(filepath.Dir(path), test.folder))
			link := filepath.Join(t.TempDir(), "jwt_secret") // in a folder that only its owner can enter
			require.NoError(t, os.Symlink(path, link))
			want := os.FileMode(0)
			if test.exposed {
				want = test.file
			}
			for _, path := range []string{path, link} {
				got, err := auth.LoadSecret(nil, path)
				require.NoError(t, err)
				require.Equal(t, want, got.ExposedFile, "%o in %o", test.file, test.folder)
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

func TestAFileThatHoldsNoSecretIsRefused(t *testing.T) {
	t.Run("refuses UTF-16, whatever its byte order", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jwt_secret")
		for _, text := range []string{
			"\xff\xfe" + strings.Repeat("s\x00", 32) + "\r\x00\n\x00", "\xfe\xff" + strings.Repeat("\x00s", 32) + "\x00\r\x00\n",
		} {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := auth.LoadSecret(nil, path)
			require.ErrorContains(t, err, path+" is in UTF-16, so its bytes are not those of the same text elsewhere: save it in UTF-8")
		}
		require.NoError(t, auth.CheckSecret([]byte("\x00random\xff\xfebytes may have zeros\x00"+strings.Repeat("s", 32))))
	})
	t.Run("refuses what is no file of a secret without reading it", func(t *testing.T) {
		folder := t.TempDir()
		long := filepath.Join(folder, "long")
		require.NoError(t, os.WriteFile(long, bytes.Repeat([]byte("s"), 64<<10+1), 0o600))
		for _, path := range []string{folder, long} {
			_, err := auth.LoadSecret(nil, path)
			require.EqualError(t, err, path+" must be a regular file of at most 65536 bytes: JWT_SECRET_FILE may name a pipe")
		}
		if runtime.GOOS == "linux" {
			link := filepath.Join(folder, "link")
			require.NoError(t, os.Symlink("/dev/zero", link))
			_, err := auth.LoadSecret(nil, link)
			require.ErrorContains(t, err, "must be a regular file")
		}
	})
}
