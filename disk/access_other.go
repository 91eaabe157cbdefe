//go:build !linux && !darwin

package disk

// Readable returns an error unless this user may read the file at path. Systems other than Linux and macOS do not say, and
// Readable returns nil.
func Readable(string) error { return nil }

// Writable returns an error unless this user may make files in the folder at path. A file system that is mounted read-only
// refuses root as well. Systems other than Linux and macOS do not say, and Writable returns nil.
func Writable(string) error { return nil }
