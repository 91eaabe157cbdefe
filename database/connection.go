package database

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// connection is one connection to a SQLite file, which one goroutine at a time may use. It calls SQLite's C
// interface (https://www.sqlite.org/cintro.html) itself, as the driver has translated it to Go: through
// database/sql a row read by its key takes three times as long, most of it for the goroutine that watches the
// caller's context, and a write nearly twice as long (docs/performance.md).
type connection struct {
	tls        *libc.TLS
	db         uintptr // sqlite3 *
	statements map[string]*statement

	mu    sync.Mutex
	until time.Time // when the query that runs is interrupted, or zero
	watch *time.Timer
	armed bool
}

// openConnection opens the file at path, which must be there, with flags for sqlite3_open_v2, and runs pragmas like
// "busy_timeout(5000)".
func openConnection(path string, flags int32, pragmas []string) (_ *connection, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	c := &connection{tls: libc.NewTLS(), statements: map[string]*statement{}}
	defer func() {
		if err != nil {
			_ = c.close()
		}
	}()
	if c.db, err = c.open(path, flags); err != nil {
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, pragma := range pragmas {
		if _, err := c.run("PRAGMA "+pragma, nil, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// open calls sqlite3_open_v2. SQLite need not lock the connection: nobody uses it at the same time.
func (c *connection) open(path string, flags int32) (db uintptr, err error) {
	name, err := libc.CString(path)
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(c.tls, name)
	out := c.tls.Alloc(int(unsafe.Sizeof(db)))
	defer c.tls.Free(int(unsafe.Sizeof(db)))
	code := sqlite3.Xsqlite3_open_v2(c.tls, name, out, flags|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	db = pointerAt(out)
	if code != sqlite3.SQLITE_OK {
		err = sqliteErrorOf(c.tls, db, code)
		sqlite3.Xsqlite3_close(c.tls, db)
		return 0, err
	}
	return db, nil
}

// run runs a statement and returns how many rows it changed. It copies the first row that it returns into dest,
// unless that is nil, and fails with sql.ErrNoRows if there is none.
func (c *connection) run(query string, args, dest []any) (rows int64, err error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	defer s.reset()
	if err := s.bind(args); err != nil {
		return 0, err
	}
	if dest != nil {
		err = s.row(dest)
	}
	if err == nil {
		err = s.finish()
	}
	return sqlite3.Xsqlite3_changes64(c.tls, c.db), err
}

// lastInsertID returns the key of the row that was inserted last.
func (c *connection) lastInsertID() int64 { return sqlite3.Xsqlite3_last_insert_rowid(c.tls, c.db) }

// queryRow is run for a query and at most a time, no longer than timeout, after which it fails with SQLITE_INTERRUPT.
func (c *connection) queryRow(limit time.Duration, query string, args, dest []any) error {
	c.mu.Lock()
	c.until = time.Now().Add(limit)
	switch {
	case c.watch == nil:
		c.watch = time.AfterFunc(limit, c.interrupt)
	case !c.armed, limit < timeout: // a watch that is armed may be for later
		c.watch.Reset(limit)
	}
	c.armed = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.until = time.Time{}
		c.mu.Unlock()
	}()
	_, err := c.run(query, args, dest)
	return err
}

// interrupt ends the query that runs if its time is up, and looks again when that may be so. The watch is left to run
// out, since to set and stop one for each query costs more than most queries.
func (c *connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until.IsZero() { // of a closed one, too
		c.armed = false
		return
	}
	left := time.Until(c.until)
	if left <= 0 {
		tls := libc.NewTLS() // c.tls is the other goroutine's
		sqlite3.Xsqlite3_interrupt(tls, c.db)
		tls.Close()
		left = time.Second // SQLite forgets what comes between two of its statements
	}
	c.watch.Reset(left)
}

// inTransaction reports whether a transaction is open: SQLite ends one by itself when, say, the disk is full
// (https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
func (c *connection) inTransaction() bool {
	return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0
}

// close closes the connection, after its statements: SQLite refuses to close one that has any. It may be called again,
// and by several at once.
func (c *connection) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tls == nil {
		return nil
	}
	for _, s := range c.statements {
		s.finalize()
	}
	if c.watch != nil {
		c.watch.Stop()
	}
	err := c.check(sqlite3.Xsqlite3_close(c.tls, c.db))
	c.tls.Close()
	c.tls, c.db = nil, 0
	return err
}

// sqliteError is a failure that SQLite reported, like the driver's own *sqlite.Error, which only the driver can make.
type sqliteError struct {
	code int // extended (https://www.sqlite.org/rescode.html)
	text string
	ran  bool // the statement had begun
}

func (e *sqliteError) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

func sqliteErrorOf(tls *libc.TLS, db uintptr, code int32) *sqliteError {
	text := libc.GoString(sqlite3.Xsqlite3_errstr(tls, code))
	if db != 0 {
		if more := libc.GoString(sqlite3.Xsqlite3_errmsg(tls, db)); more != text {
			text += ": " + more
		}
	}
	return &sqliteError{code: int(code), text: text}
}

// pointerAt reads a pointer that SQLite has written to an address outside of Go's heap.
func pointerAt(address uintptr) uintptr {
	return **(**uintptr)(unsafe.Pointer(&address)) //nolint:gosec // see above
}
