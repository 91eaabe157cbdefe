package sqlite

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// watchers are the functions of connections with OnProgress, by the address of the connection.
var watchers sync.Map // uintptr -> func() bool

// OnProgress makes each statement call watch now and then, about every so many steps of SQLite's machine, on the
// goroutine that runs the statement; 1000 steps take some 50 µs. If watch returns false, the statement fails with
// SQLITE_INTERRUPT. Watch must not use the connection (https://www.sqlite.org/c3ref/progress_handler.html).
func (c *Conn) OnProgress(steps int, watch func() (goOn bool)) {
	watchers.Store(c.db, watch)
	sqlite3.Xsqlite3_progress_handler(c.tls, c.db, int32(steps), functionPointer(progressed), c.db) //nolint:gosec // a few thousand
}

// progressed is called by SQLite. It returns 0 to go on.
func progressed(_ *libc.TLS, db uintptr) int32 {
	if watch, ok := watchers.Load(db); ok && !watch.(func() bool)() {
		return 1
	}
	return 0
}
