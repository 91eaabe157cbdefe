// Package disk creates files atomically and durably: a file appears at its path once its content is on disk, or not at
// all. It imports no other package of this module.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Unfinished follows the name of a file in the names of those that Create fills. A crash may leave one behind.
const Unfinished = ".new-"

// Create creates a file at path with the content that write gives it, readable by its owner alone. It never replaces a
// file: if path exists, before or after write has run, the error wraps fs.ErrExist. If the folder is missing, the error
// wraps fs.ErrNotExist and names the first one that is. If write fails, Create returns its error and leaves nothing
// behind. It blocks until the file and its name are on disk.
//
// Write gets an empty file under a temporary name, by which other code may fill it. On a file system without hard links
// a crash may leave an empty file at path.
func Create(path string, write func(*os.File) error) error {
	return create(path, write, os.Link)
}

func create(path string, write func(*os.File) error, link func(from, to string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if missing := MissingFolder(filepath.Dir(path)); missing != "" {
		return fmt.Errorf("there is no folder %s: %w", missing, syscall.ENOENT)
	}
	if file := NoFolder(filepath.Dir(path)); file != "" {
		return fmt.Errorf("%s is a file and no folder: %w", file, syscall.ENOTDIR)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+Unfinished+"*") // O_EXCL, 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	err = write(temporary)
	if err == nil {
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	err = link(temporary.Name(), path) // fails, unlike a rename, if the name is taken
	if isNoLink(err) {
		err = moveTo(path, temporary.Name())
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// isNoLink reports that a file system, or the one below it, has no hard links, or none for this file: some answer with
// EMLINK, EXDEV or EINVAL.
func isNoLink(err error) bool {
	for _, refusal := range []error{errors.ErrUnsupported, fs.ErrPermission, syscall.EMLINK, syscall.EXDEV, syscall.EINVAL} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// moveTo renames temporary to path on file systems without hard links, such as FAT. An empty file claims path first,
// because a rename would replace an existing file.
func moveTo(path, temporary string) error {
	claim, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(claim.Close(), os.Rename(temporary, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// MissingFolder returns the first folder on the way to path, path included, that does not exist, or "" if all do.
func MissingFolder(path string) (missing string) {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return missing
		}
		missing = path
		parent := filepath.Dir(path)
		if parent == path {
			return missing
		}
		path = parent
	}
}

// NoFolder returns the file on the way to path, path included, that stands where a folder must be, or "" if none does.
func NoFolder(path string) string {
	for {
		info, err := os.Stat(path)
		parent := filepath.Dir(path)
		switch {
		case err == nil && !info.IsDir():
			return path
		case err == nil, parent == path:
			return ""
		}
		path = parent
	}
}

// SyncDir flushes the entries of the directory at path to disk, if the system can.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // Windows cannot
	return dir.Close()
}
