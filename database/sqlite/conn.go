// Package sqlite calls SQLite's C interface (https://www.sqlite.org/cintro.html) itself, as modernc.org/sqlite has
// translated it to Go. Through database/sql a row read by its key takes three times as long, most of it for the
// goroutine that watches the caller's context, and a write nearly twice as long (docs/performance.md).
//
// It owns connections, prepared statements and all use of unsafe. It knows no transactions, pools or timeouts.
package sqlite

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Mode says what a connection may do with its file.
type Mode int32

// The file must exist in any mode. One that is Immutable is read without locks and without a log beside it: it must not
// change (https://www.sqlite.org/uri.html#uriimmutable).
const (
	ReadOnly  Mode = sqlite3.SQLITE_OPEN_READONLY
	ReadWrite Mode = sqlite3.SQLITE_OPEN_READWRITE
	Immutable Mode = sqlite3.SQLITE_OPEN_READONLY | sqlite3.SQLITE_OPEN_URI
)

// Conn is a connection to a SQLite file. One goroutine at a time may use it, but for Interrupt and Close.
type Conn struct {
	tls        *libc.TLS
	db         uintptr // sqlite3 *
	statements map[string]*statement
	changes    int64 // total_changes after the last statement
	closing    sync.Mutex
}

// Open opens the file at path and sets pragmas such as "busy_timeout(5000)" in their order.
func Open(path string, mode Mode, pragmas ...string) (_ *Conn, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	c := &Conn{tls: libc.NewTLS(), statements: map[string]*statement{}}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	if c.db, err = c.open(path, mode); err != nil {
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, pragma := range pragmas {
		if _, err := c.Run("PRAGMA "+pragma, nil, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// open calls sqlite3_open_v2. NOMUTEX leaves out locks that a connection of one goroutine does not need.
func (c *Conn) open(path string, mode Mode) (db uintptr, err error) {
	if mode == Immutable {
		uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "immutable=1"}
		if !strings.HasPrefix(uri.Path, "/") { // C:/…
			uri.Path = "/" + uri.Path
		}
		path = uri.String()
	}
	name, err := libc.CString(path)
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(c.tls, name)
	out := c.tls.Alloc(pointerSize)
	defer c.tls.Free(pointerSize)
	code := sqlite3.Xsqlite3_open_v2(c.tls, name, out, int32(mode)|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	db = pointerAt(out)
	if code != sqlite3.SQLITE_OK {
		err = newError(c.tls, db, code)
		sqlite3.Xsqlite3_close(c.tls, db)
		return 0, err
	}
	return db, nil
}

// Run runs one statement to its end and returns the number of rows that it inserted, updated or deleted, which is 0 for
// any other statement. $1 is the first of args; an argument is an int64, an int, a string, a []byte or nil.
//
// Unless dest is nil, Run copies the first row of the result into dest, or fails with sql.ErrNoRows if the result is
// empty. A destination is a *int64, a *int, a *string or a sql.Scanner. Values are not converted.
//
// The error is an *Error or wraps ErrMisuse, as does that of a sql.Scanner.
func (c *Conn) Run(query string, args, dest []any) (rows int64, err error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	defer s.reset()
	if err := s.bind(args); err != nil {
		return 0, err
	}
	if dest != nil {
		err = s.first(dest)
	}
	if err == nil {
		err = s.finish()
	}
	return c.changed(), err
}

// Each runs one statement, as Run does, and calls row for every row of its result. Row may call scan, which copies the
// row into its destinations, and must not use the connection. An error of row ends the statement and is returned
// as it is.
func (c *Conn) Each(query string, args []any, row func(scan func(dest []any) error) error) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	defer s.reset()
	if err := s.bind(args); err != nil {
		return err
	}
	defer c.changed()
	for scan := s.scan; ; {
		more, err := s.step()
		if err != nil || !more {
			return err
		}
		if err := row(scan); err != nil {
			return err
		}
	}
}

// changed returns how many rows the last statement changed. sqlite3_changes alone would do only for INSERT, UPDATE and
// DELETE: other statements leave it as it was.
func (c *Conn) changed() int64 {
	total := sqlite3.Xsqlite3_total_changes64(c.tls, c.db)
	if total == c.changes {
		return 0
	}
	c.changes = total
	return sqlite3.Xsqlite3_changes64(c.tls, c.db)
}

// LastInsertID returns the key of the row inserted last on this connection.
func (c *Conn) LastInsertID() int64 { return sqlite3.Xsqlite3_last_insert_rowid(c.tls, c.db) }

// InTransaction reports whether a transaction is open. SQLite ends one by itself when, say, the disk is full
// (https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
func (c *Conn) InTransaction() bool {
	return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0
}

// Interrupt makes the running statement fail with SQLITE_INTERRUPT, and does nothing if none is running. It may be
// called from any goroutine, but not during or after Close.
func (c *Conn) Interrupt() {
	tls := libc.NewTLS() // c.tls belongs to the goroutine that runs the statement
	sqlite3.Xsqlite3_interrupt(tls, c.db)
	tls.Close()
}

// Close finalizes the statements and closes the connection, on which none may be running. Further calls, concurrent ones
// included, do nothing but wait for the first.
func (c *Conn) Close() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.tls == nil {
		return nil
	}
	for _, s := range c.statements {
		s.finalize()
	}
	watchers.Delete(c.db)
	err := c.errorOf(sqlite3.Xsqlite3_close(c.tls, c.db))
	c.tls.Close()
	c.tls, c.db = nil, 0
	return err
}

// errorOf returns the error that a result code stands for, or nil.
func (c *Conn) errorOf(code int32) error {
	if code == sqlite3.SQLITE_OK {
		return nil
	}
	return newError(c.tls, c.db, code)
}

// mistake returns an error that wraps ErrMisuse.
func mistake(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMisuse}, args...)...)
}
