package database

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"userorder/disk"
)

// restoring is the suffix of a copy that is complete and is about to take the place of the database beside it.
const restoring = "-restoring"

// beforeRestore is the suffix of the database that a copy has replaced, with the time in UTC.
const (
	beforeRestore = keptBeside + "20060102-150405"
	keptBeside    = ".before-restore-"
)

// finishRestore puts the copy at target-restoring, if there is one, in the place of the database, and returns the name
// under which that is kept. It may be interrupted and called again: the copy is the last to get another name. The
// database goes before its log, so that a process beside, which looks whether the file is still there after it has
// opened the log, never has a log of another file. The caller must hold the lock.
func finishRestore(target string, step func(name string)) (kept string, err error) {
	removeCopies(target)
	copied, err := os.Stat(target + restoring)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case copied.Size() == 0: // see disk.Create for how that can be
		return "", os.Remove(target + restoring)
	}
	kept = keptName(target, copied.ModTime())
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if err := moveAside(target+suffix, kept+suffix); err != nil {
			return "", err
		}
		step("moved " + suffix)
	}
	// The -shm describes the previous log. A process beside may still have it mapped: it must not share it with the
	// next.
	if err := os.Remove(target + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := disk.SyncDir(filepath.Dir(target)); err != nil {
		return "", err
	}
	step("without -shm")
	if err := os.Rename(target+restoring, target); err != nil {
		return "", err
	}
	step("in place")
	if !exists(kept) && !exists(kept+"-wal") {
		kept = ""
	}
	return kept, disk.SyncDir(filepath.Dir(target))
}

// removeCopies removes the unfinished copies of restores that were killed.
func removeCopies(target string) {
	folder, prefix := filepath.Dir(target), filepath.Base(target)+restoring+disk.Unfinished
	entries, _ := os.ReadDir(folder)
	_ = removeLeftovers(folder, entries, func(file fs.FileInfo) bool { return strings.HasPrefix(file.Name(), prefix) })
}

// moveAside renames a file, if there is one, and replaces none.
func moveAside(from, to string) error {
	if !exists(from) {
		return nil
	}
	if exists(to) {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	if err := os.Rename(from, to); !errors.Is(err, fs.ErrNotExist) { // a process beside may have removed its log meanwhile
		return err
	}
	return nil
}

func keptName(target string, at time.Time) string { return target + at.UTC().Format(beforeRestore) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
