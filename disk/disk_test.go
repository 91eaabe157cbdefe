package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestCreateLeavesAWholeFileThatOnlyItsOwnerReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, Create(path, func(f *os.File) error {
		require.NoFileExists(t, path, "it is visible before it is whole")
		_, err := f.WriteString("text")
		return err
	}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
	require.Equal(t, []string{"secret"}, names(t, filepath.Dir(path)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
}

func TestAFailedCreateLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	failure := errors.New("no")
	require.ErrorIs(t, Create(path, func(f *os.File) error {
		_, _ = f.WriteString("half")
		return failure
	}), failure)
	require.Empty(t, names(t, filepath.Dir(path)))
}

func TestOfManyCreatesAtOnceOneSucceeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	var created atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := Create(path, func(f *os.File) error { _, err := f.WriteString("text"); return err })
			if err == nil {
				created.Add(1)
				return
			}
			require.ErrorIs(t, err, fs.ErrExist)
		})
	}
	group.Wait()
	require.EqualValues(t, 1, created.Load())
	require.Equal(t, []string{"secret"}, names(t, filepath.Dir(path)))
}

func TestAFileSystemWithoutHardLinksWillDo(t *testing.T) {
	for _, refusal := range []error{
		syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS, syscall.EMLINK, syscall.EXDEV, syscall.EINVAL,
	} {
		path := filepath.Join(t.TempDir(), "secret")
		link := func(string, string) error { return &os.LinkError{Op: "link", Err: refusal} }
		write := func(f *os.File) error { _, err := f.WriteString("text"); return err }
		require.NoError(t, create(path, write, link), refusal.Error())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "text", string(text))
		require.ErrorIs(t, create(path, write, link), fs.ErrExist)
		require.ErrorIs(t, moveTo(path, "nothing"), fs.ErrExist, "another process was first")
		require.Equal(t, []string{"secret"}, names(t, filepath.Dir(path)))
	}
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	folder := t.TempDir()
	require.Empty(t, MissingFolder(folder))
	for _, path := range []string{"none/secret", "none/of/these/secret"} {
		err := Create(filepath.Join(folder, path), func(*os.File) error { return errors.New("write was called") })
		require.ErrorContains(t, err, "there is no folder "+filepath.Join(folder, "none")+": ")
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	require.Empty(t, names(t, folder))
	require.Equal(t, "none", MissingFolder("none/of/these"))
}

func TestAFileWhereAFolderMustBeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{"secret", "none/of/these/secret"} {
		err := Create(filepath.Join(file, path), func(*os.File) error { return errors.New("write was called") })
		require.ErrorContains(t, err, file+" is a file and no folder: ")
	}
	require.Empty(t, NoFolder(filepath.Dir(file)))
	require.Empty(t, NoFolder("none/of/these"))
}

func TestAnyOtherFailureOfTheLinkIsReturned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	refuse := func(string, string) error { return &os.LinkError{Op: "link", Err: syscall.EIO} }
	require.ErrorIs(t, create(path, func(*os.File) error { return nil }, refuse), syscall.EIO)
	require.Empty(t, names(t, filepath.Dir(path)))
}
