//go:build linux || darwin

package disk

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Readable returns an error unless this user may read the file at path. Systems other than Linux and macOS do not say, and
// Readable returns nil.
func Readable(path string) error { return access("read", path, unix.R_OK) }

// Writable returns an error unless this user may make files in the folder at path. A file system that is mounted read-only
// refuses root as well. Systems other than Linux and macOS do not say, and Writable returns nil.
func Writable(path string) error { return access("write to", path, unix.W_OK|unix.X_OK) }

func access(operation, path string, mode uint32) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: operation, Path: path, Err: err}
	}
	return nil
}
