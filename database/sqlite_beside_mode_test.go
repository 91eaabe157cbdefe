package database

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/sqlite"
)

func TestWhatIsReadWhileAServiceStartsIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	change := func() { require.NoError(t, os.WriteFile(path, append(mustRead(t, path), 'x'), 0o600)) }
	for name, test := range map[string]struct {
		meanwhile func(try int)
		want      []sqlite.Mode
	}{
		"nobody writes": {func(int) {}, []sqlite.Mode{sqlite.Immutable}},
		"a service is started": {func(try int) {
			if try == 1 {
				require.NoError(t, os.WriteFile(path+"-wal", []byte("log"), 0o600))
			}
		}, []sqlite.Mode{sqlite.Immutable, sqlite.ReadOnly}},
		"a service is started and stopped": {func(try int) {
			if try == 1 {
				change()
			}
		}, []sqlite.Mode{sqlite.Immutable, sqlite.Immutable}},
		"services come and go": {func(int) { change() }, []sqlite.Mode{sqlite.Immutable, sqlite.Immutable, sqlite.Immutable}},
	} {
		require.NoError(t, os.WriteFile(path, []byte("a file"), 0o600))
		var modes []sqlite.Mode
		err := (&besideFile{named: path, readOnly: true}).inMode(func(_ string, _ fs.FileInfo, mode sqlite.Mode) error {
			modes = append(modes, mode)
			test.meanwhile(len(modes))
			return nil
		})
		require.Equal(t, test.want, modes, name)
		require.Equal(t, len(modes) == 3, err != nil, name)
		if err != nil {
			require.ErrorIs(t, err, ErrUnavailable)
		}
		_ = os.Remove(path + "-wal")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
