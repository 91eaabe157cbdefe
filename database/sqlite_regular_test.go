//go:build unix

package database

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// null makes a device like /dev/null, or links to that one, whose permissions only root could change.
func null(t *testing.T, path string) {
	const device = 1<<8 | 3 // of Linux
	if os.Getuid() != 0 || syscall.Mknod(path, syscall.S_IFCHR|0o666, device) != nil {
		require.NoError(t, os.Symlink(os.DevNull, path))
		return
	}
	require.NoError(t, os.Chmod(path, 0o666))
}

func TestWhatIsNoRegularFileIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"a device", null},
		{"a pipe", func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o644)) }}, // opening it blocks
		{"a folder", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) }},
		{"a socket", func(t *testing.T, path string) {
			listener, err := net.Listen("unix", path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = listener.Close() })
		}},
	}
	for _, kind := range kinds {
		for _, place := range []string{"app.db", "a link", "app.db-wal", "app.db-shm", "app.db-lock", "app.db-journal"} {
			t.Run(kind.name+" as "+place, func(t *testing.T) {
				folder, err := os.MkdirTemp("", "db-") // its path must be short for a socket
				require.NoError(t, err)
				t.Cleanup(func() { _ = os.RemoveAll(folder) })
				it, url, names := filepath.Join(folder, place), "sqlite:"+filepath.Join(folder, "app.db"), []string{place}
				if place == "a link" {
					it, names = filepath.Join(folder, "it"), []string{"app.db", "it"}
					require.NoError(t, os.Symlink("it", filepath.Join(folder, "app.db")))
				}
				kind.make(t, it)
				before, err := os.Stat(it)
				require.NoError(t, err)
				began := time.Now()
				_, err = Open(t.Context(), url, Options{})
				require.ErrorContains(t, err, kind.name+" and must be a regular file: name another path")
				require.Error(t, Backup(t.Context(), url, filepath.Join(folder, "backup.db")))
				require.Less(t, time.Since(began), 3*time.Second)
				after, err := os.Stat(it)
				require.NoError(t, err)
				require.Equal(t, before.Mode(), after.Mode())
				requireUntouched(t, folder, names...)
			})
		}
	}
}
