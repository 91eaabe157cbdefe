// Package disk creates files that survive a crash: a file appears under its name when it is whole and on
// disk, or not at all. It knows no other package.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Create creates the file at path, readable by its owner alone, with what write puts into it. The file appears
// under its name only after its content is on disk. It never replaces a file: if path exists, before or after
// write has run, the error wraps fs.ErrExist. If write fails, its error is returned and nothing is left behind.
// It blocks until the disk has the file.
//
// Write may let others fill the file by its name. On a file system without hard links a crash at the wrong moment
// may leave an empty file.
func Create(path string, write func(*os.File) error) error {
	return create(path, write, os.Link)
}

func create(path string, write func(*os.File) error, link func(from, to string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // O_EXCL, 0600
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
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		err = moveTo(path, temporary.Name())
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// moveTo is for file systems without hard links, such as a USB stick's: it claims the name with an empty file and
// replaces that.
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

// SyncDir puts the names in the directory at path on disk, where the system can do that.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // Windows cannot
	return dir.Close()
}
