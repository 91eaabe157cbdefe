package database

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"userorder/database/sqlite"
)

// watchInterval bounds how long writes to a file go on that its path no longer names. A look costs some microseconds.
const watchInterval = 500 * time.Millisecond

// place is what a look finds where the open file should be. The greater, the worse.
type place int

const (
	intact   place = iota
	logGone        // the -wal is not ours or not there
	gone           // there is no file
	replaced       // there is another file
)

// watch tells whether an open file still has its name. A process whose file was moved, deleted or replaced can go on
// writing to it: each write would succeed, and be found by no one after a restart.
type watch struct {
	conn  *sqlite.Conn // the writer's
	log   *slog.Logger // may be nil
	named string       // the path of the URL, which may lead through links
	path  string       // of the file itself, beside which SQLite keeps its log
	file  fs.FileInfo
	wal   fs.FileInfo // nil if it was not there yet, and then not watched

	worst place // of all looks
	saved bool  // the file has everything that is in its log
}

// newWatch returns a watch over the file at path, which conn has open, or nil on Windows, where nobody can move an open
// file of SQLite.
func newWatch(conn *sqlite.Conn, named, path string, log *slog.Logger) (*watch, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	named, err := filepath.Abs(named)
	if err != nil {
		return nil, err
	}
	w := &watch{conn: conn, log: log, named: named, path: path}
	if w.file, err = os.Stat(path); err != nil {
		return nil, err
	}
	w.wal, _ = os.Stat(path + "-wal")
	return w, nil
}

// look compares what the paths name now with the open files.
func (w *watch) look() place {
	found := locate(w.path, w.file)
	if w.named != w.path {
		found = max(found, locate(w.named, w.file))
	}
	if found == intact && w.wal != nil && locate(w.path+"-wal", w.wal) != intact {
		return logGone
	}
	return found
}

// locate looks for a file at path. An error that tells nothing of the file, such as that of a folder that cannot be
// entered for a while, is no reason to stop.
func locate(path string, file fs.FileInfo) place {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return gone
	case err == nil && !os.SameFile(info, file):
		return replaced
	}
	return intact
}

// lookAfterFile stops all writing once the file has lost its name, or its log. It must be called by the goroutine that
// owns the connection.
func (w *writer) lookAfterFile() {
	if w.watch == nil || w.watch.worst == intact && w.failure() != nil { // stopped for another reason
		return
	}
	if found := w.watch.look(); found > w.watch.worst {
		w.watch.worst, w.watch.saved = found, false
	}
	w.watch.save() // first: who reads that writes have stopped may kill the process
	if w.watch.worst > intact && w.failure() == nil {
		w.lose(w.watch.explain(w.watch.worst))
	}
}

// lose stops all writing because of cause and logs it with the remedy, which the error of each refused write leaves
// out.
func (w *writer) lose(cause, remedy string) {
	w.fail(errors.New(cause))
	w.watch.log.Error("no more writes until a restart", "error", cause+": "+remedy)
}

// explain returns what has happened to the file, and the remedy.
func (w *watch) explain(found place) (cause, remedy string) {
	switch found {
	case logGone:
		return w.path + "-wal was removed while it was in use", "restart the service"
	case replaced:
		return fmt.Sprintf("another file has taken the place of %s while it was in use", w.named),
			"stop the service, see that the right file is there, and start it"
	case intact, gone:
	}
	return w.named + " was moved or deleted while it was in use",
		"stop the service, put the file back or restore a backup, and start it"
}

// save moves what was acknowledged from the log into the file, wherever that is now. Until it succeeds it is called
// again, because a long query may be in its way.
//
// A log of which the file has lost its name would be applied to the file that is found in its place by the next start,
// and spoil it, so the log is emptied if there is one. It is kept if there is none: a start refuses a log without a file
// (errLogAlone), and would make a new database without it.
func (w *watch) save() {
	if w.worst == intact || w.saved {
		return
	}
	statement := "PRAGMA wal_checkpoint(TRUNCATE)"
	if w.worst == gone {
		statement = "PRAGMA wal_checkpoint(FULL)"
	}
	if _, err := w.conn.Run("PRAGMA busy_timeout = 100", nil, nil); err != nil {
		return
	}
	var busy, pages, moved int64
	if _, err := w.conn.Run(statement, nil, []any{&busy, &pages, &moved}); err == nil {
		w.saved = busy == 0
	}
}
