//go:build !linux && !darwin

package disk

import "errors"

// Free returns how many bytes this user may still write to the file system of the folder at path. Its error wraps
// errors.ErrUnsupported on systems other than Linux and macOS.
func Free(string) (bytes int64, err error) { return 0, errors.ErrUnsupported }
