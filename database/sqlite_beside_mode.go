package database

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"userorder/database/sqlite"
)

// mode returns the mode of a connection to the file at path that leaves everything as it is if f is readOnly. If nothing has
// the file open, such a connection is Immutable: any other would need a -wal and a -shm, for which a full disk has no room.
// If there is a log, it is ReadOnly: as the last one to close, one that can write would move the log of a service that has
// died into the file. One that is ReadOnly would leave an empty log behind.
func (f *besideFile) mode(path string) sqlite.Mode {
	log, err := os.Stat(path + "-wal")
	switch {
	case !f.readOnly:
		return sqlite.ReadWrite
	case err == nil && log.Size() > 0:
		return sqlite.ReadOnly
	case err == nil || exists(path+"-journal"):
		return sqlite.ReadWrite
	}
	return sqlite.Immutable
}

// openPool opens a pool that does not keep its connection.
func (f *besideFile) openPool(path string, mode sqlite.Mode) (*sql.DB, error) {
	options := url.Values{"_pragma": besideReaderPragmas, "mode": {"ro"}}
	switch mode {
	case sqlite.ReadWrite:
		options.Set("mode", "rw")
	case sqlite.Immutable:
		options.Set("immutable", "1")
	case sqlite.ReadOnly:
	}
	pool, err := openPool(path, options)
	if err == nil {
		pool.SetMaxIdleConns(-1)
	}
	return pool, err
}

// inMode calls try with the file and the mode for it. It calls it again if the file was Immutable and a service has been
// started meanwhile: what was read may be of several states, and look like damage.
func (f *besideFile) inMode(try func(path string, before fs.FileInfo, mode sqlite.Mode) error) error {
	const tries = 3
	for range tries {
		path, before, err := f.find()
		if err != nil {
			return err
		}
		mode := f.mode(path)
		err = f.tryLocked(path, before, mode, try)
		if mode != sqlite.Immutable || f.mode(path) == mode && isUntouched(path, before) {
			return err
		}
	}
	return fmt.Errorf("%w: %s changes all the time", ErrUnavailable, f.named)
}

func (f *besideFile) tryLocked(
	path string, before fs.FileInfo, mode sqlite.Mode, try func(string, fs.FileInfo, sqlite.Mode) error,
) error {
	lock := besideLock(path)
	lock.RLock()
	defer lock.RUnlock()
	return try(path, before, mode)
}

// isUntouched reports whether nothing has written to the file at path, which was before.
func isUntouched(path string, before fs.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(now, before) && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime())
}
