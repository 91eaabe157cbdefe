//go:build linux || darwin

package disk

import "golang.org/x/sys/unix"

// Free returns how many bytes this user may still write to the file system of the folder at path. Its error wraps
// errors.ErrUnsupported on systems other than Linux and macOS.
func Free(path string) (bytes int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}
