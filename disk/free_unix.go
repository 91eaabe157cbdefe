//go:build linux || darwin

package disk

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes this user may still write to the file system of the folder at path. Its error wraps
// errors.ErrUnsupported on systems other than Linux and macOS.
func Free(path string) (bytes int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}

// Writable returns an error unless this user may make files in the folder at path. A file system that is mounted read-only
// refuses root as well. Systems other than Linux and macOS do not say, and Writable returns nil.
func Writable(path string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
