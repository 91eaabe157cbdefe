package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"userorder/disk"
)

// BackupFolder keeps backups of one SQLite file, each named by the file and by the time in UTC at which it was begun:
// app-20261126T031500Z.db is one of app.db. Other files in the folder are left alone, and other databases may share it
// if their files have other names: RequireOwn tells if one has the same name. It must not be used concurrently.
type BackupFolder struct {
	folder    string
	file      string // the SQLite file
	stem, ext string
}

// StoredBackup is a backup in a BackupFolder.
type StoredBackup struct {
	Path string
	At   time.Time // in UTC, to the second: it has everything acknowledged before
	Size int64     // in bytes
}

// NewBackupFolder returns the backups in folder of the SQLite file at url. It opens nothing.
func NewBackupFolder(folder, url string) BackupFolder {
	path, _ := SQLitePath(url)
	name, ext := filepath.Base(path), filepath.Ext(path)
	return BackupFolder{folder, path, strings.TrimSuffix(name, ext), ext}
}

// backupTime is the time in the name of a backup. Names in the order of the alphabet are in the order of time.
const backupTime = "20060102T150405Z"

// List returns the backups, oldest first. Unfinished ones are none.
func (f BackupFolder) List() (backups []StoredBackup, err error) {
	entries, err := f.entries()
	for _, entry := range entries {
		at, rest, ok := f.parse(entry.Name())
		if !ok || rest != "" {
			continue
		}
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			return nil, err
		case info.Mode().IsRegular() && info.Size() > 0: // see disk.Create for how one can be empty
			backups = append(backups, StoredBackup{filepath.Join(f.folder, entry.Name()), at, info.Size()})
		}
	}
	slices.SortFunc(backups, func(a, b StoredBackup) int { return a.At.Compare(b.At) })
	return backups, err
}

// Last returns the last backup at a time, or none. One of the future, from a clock that was wrong, is not the last.
func (f BackupFolder) Last(now time.Time) (last StoredBackup, err error) {
	list, err := f.List()
	for _, backup := range list {
		if !backup.At.After(now) {
			last = backup
		}
	}
	return last, err
}

// Ready returns an error, with a remedy for Explain, if a backup could not be made now: this user has no right to write to the
// folder, or there is no room.
func (f BackupFolder) Ready() error {
	if _, err := f.entries(); err != nil {
		return err
	}
	if err := disk.Writable(f.folder); err != nil {
		return fmt.Errorf("%w: %w", err, errNoBackupAccess)
	}
	return f.requireRoom(f.size())
}

// Add makes a backup of db, the database that the folder is for, as [DB.Backup] does, and marks db as its source. It first removes what is left of
// backups that were interrupted. It fails before it has written anything if the disk has no room for a backup and for
// some more, which the service may need on the same disk.
func (f BackupFolder) Add(ctx context.Context, db *DB, at time.Time) (StoredBackup, error) {
	at = at.UTC().Truncate(time.Second)
	backup := StoredBackup{Path: filepath.Join(f.folder, f.stem+"-"+at.Format(backupTime)+f.ext), At: at}
	if err := f.removeLeftovers(); err != nil {
		return backup, err
	}
	if err := f.requireRoom(f.size()); err != nil {
		return backup, err
	}
	if err := ensureSource(ctx, db); err != nil {
		return backup, err
	}
	if err := db.Backup(ctx, backup.Path); err != nil {
		return backup, err
	}
	info, err := os.Stat(backup.Path)
	if err == nil {
		backup.Size = info.Size()
	}
	return backup, err
}

// Prune removes the oldest backups, and any log beside them, until keep remain up to last, which must be 1 or more. Later ones,
// from a clock that was wrong, neither count nor go: whoever has set the clock knows which of them are worth something.
func (f BackupFolder) Prune(keep int, last StoredBackup) error {
	backups, err := f.List()
	if err != nil {
		return err
	}
	backups = slices.DeleteFunc(backups, func(b StoredBackup) bool { return b.At.After(last.At) })
	tooMany := len(backups) - keep
	var errs []error
	for _, old := range backups[:max(0, tooMany)] {
		err := os.Remove(old.Path)
		if err == nil {
			removeBeside(old.Path) // what a program that has looked into it has left
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// entries returns the files in the folder. Its error says what is wrong with the folder.
func (f BackupFolder) entries() ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(f.folder)
	if err == nil {
		return entries, nil
	}
	if missing := disk.MissingFolder(f.folder); missing != "" {
		return nil, fmt.Errorf("there is no folder %s: make it, or mount its disk: %w", missing, syscall.ENOENT)
	}
	if file := disk.NoFolder(f.folder); file != "" {
		return nil, fmt.Errorf("%s is a file and no folder: %w", file, syscall.ENOTDIR)
	}
	return nil, err
}

// parse returns the time in the name of a backup, and what follows the name.
func (f BackupFolder) parse(name string) (at time.Time, rest string, ok bool) {
	name, ok = strings.CutPrefix(name, f.stem+"-")
	if !ok || len(name) < len(backupTime) {
		return at, "", false
	}
	stamp, rest := name[:len(backupTime)], name[len(backupTime):]
	rest, ok = strings.CutPrefix(rest, f.ext)
	at, err := time.Parse(backupTime, stamp)
	return at, rest, ok && err == nil
}

// removeLeftovers removes what a crash may have left of an unfinished backup.
func (f BackupFolder) removeLeftovers() error {
	entries, err := f.entries()
	if err != nil {
		return err
	}
	return removeLeftovers(f.folder, entries, func(file fs.FileInfo) bool {
		_, rest, ok := f.parse(file.Name())
		return ok && (strings.HasPrefix(rest, disk.Unfinished) || rest == "" && file.Size() == 0)
	})
}

// removeLeftovers removes the regular files among the entries of a folder that a crash has left there.
func removeLeftovers(folder string, entries []fs.DirEntry, isLeftover func(fs.FileInfo) bool) error {
	for _, entry := range entries {
		file, err := entry.Info()
		if err != nil || !file.Mode().IsRegular() || !isLeftover(file) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// spare is the free space in bytes that a backup leaves: the log of a database grows to 64 MB between checkpoints, and
// beyond while a backup reads.
const spare = 64 << 20

// requireRoom returns an error unless a backup of size bytes fits into the folder.
func (f BackupFolder) requireRoom(size int64) error {
	free, err := disk.Free(f.folder)
	if errors.Is(err, errors.ErrUnsupported) || err == nil && free >= size+spare {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("the disk has no room for another backup in %s: %d MB are free, and it needs %d MB: %w",
		f.folder, free>>20, (size+spare)>>20, errNoBackupRoom)
}

// The remedies for a folder that takes no backup.
var (
	errNoBackupAccess = errors.New("let the user of the service write there")
	errNoBackupRoom   = errors.New("make room, or keep fewer")
)

// size returns the size in bytes of the SQLite file and its log, or 0.
func (f BackupFolder) size() (size int64) {
	path := realPath(f.file)
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(path + suffix); err == nil {
			size += info.Size()
		}
	}
	return size
}
