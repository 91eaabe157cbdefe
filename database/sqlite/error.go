package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrMisuse means that a call was wrong whatever the database holds: too few arguments, a type that cannot be bound or
// scanned, more than one statement. If it is about arguments, the statement has not run.
var ErrMisuse = errors.New("misuse of the database")

// Error is a failure reported by SQLite.
type Error struct {
	Code int    // extended result code (https://www.sqlite.org/rescode.html)
	Text string // in English
	Ran  bool   // the statement had begun to run, so some of its changes may be left
}

// Error returns the text and the code.
func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Text, e.Code) }

func newError(tls *libc.TLS, db uintptr, code int32) *Error {
	text := libc.GoString(sqlite3.Xsqlite3_errstr(tls, code))
	if db != 0 {
		if more := libc.GoString(sqlite3.Xsqlite3_errmsg(tls, db)); more != text {
			text += ": " + more
		}
	}
	return &Error{Code: int(code), Text: text}
}
