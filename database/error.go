package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"userorder/database/sqlite"
)

var (
	// ErrOutcomeUnknown means that a commit, or on PostgreSQL a single statement, was sent and its answer was neither
	// success nor refusal: the change may be kept or lost, and only a look at the data can tell.
	ErrOutcomeUnknown = errors.New("outcome unknown")

	// ErrUnavailable means that the database could not do its work now, and that nothing was changed.
	ErrUnavailable = errors.New("database unavailable")
)

// errKeyTaken means that the database has generated a key that is taken, which is no fault of the row.
var errKeyTaken = errors.New("a generated key is taken")

// errMisuse means that a call was wrong whatever the state of the database: a bug, which no retry cures.
var errMisuse = sqlite.ErrMisuse

// IsUniqueViolation reports a UNIQUE or PRIMARY KEY violation by a value of the statement: not that of a key that the
// database has generated for an Insert.
func IsUniqueViolation(err error) bool {
	if errors.Is(err, errKeyTaken) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// isKeyViolation reports that SQLite found the primary key of a new row taken.
func isKeyViolation(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || code == sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// sqliteCode returns the extended result code of an error that SQLite reported to package sqlite or to the driver.
func sqliteCode(err error) (code int, ok bool) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code, true
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}

// IsMissingTable reports that a statement names a table that does not exist.
func IsMissingTable(err error) bool {
	const undefinedTable = "42P01"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == undefinedTable
	}
	code, ok := sqliteCode(err)
	return ok && code == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such table") // which has no code of its own
}

// isDenied reports that a PostgreSQL role has no right to what a statement does.
func isDenied(err error) bool {
	const insufficientPrivilege = "42501"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == insufficientPrivilege
}

// isBusy reports that another connection has the lock that SQLite needs.
func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_BUSY
}

// classify wraps an error in ErrUnavailable unless the statement, its caller or this program is at fault. What is known
// to be a fault of the statement or of our code stays a plain error: a client must not be asked to retry a bug. What is
// known to be the network, the server or the machine is unavailable, and so is everything unknown, since failures
// without a type of their own come from below: a retry of them is harmless, while a 500 would stop a client for good.
func classify(err error) error {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows), errors.Is(err, context.Canceled), isStatementFault(err):
		return err
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrOutcomeUnknown):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// isStatementFault reports that the statement, its arguments or its destinations are at fault, by SQLite's result code
// or PostgreSQL's SQLSTATE if the engine has refused them.
func isStatementFault(err error) bool {
	if errors.Is(err, errMisuse) || errors.Is(err, pgx.ErrTxCommitRollback) { // COMMIT after an ignored error
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		switch e.Code[:2] {
		case "21", "22", "23", "42": // cardinality, data, constraint, syntax or access rule
			return true
		}
		return e.Code == "25P02" || isBadBind(e) // a statement after an ignored error
	}
	if code, ok := sqliteCode(err); ok {
		switch code & 0xff {
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT,
			sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE:
			return true
		}
	}
	return false
}

// isBadBind reports a wrong number of arguments as the server sees it if pgx does not describe statements first, which
// it cannot do behind PgBouncer. The SQLSTATE is that of a broken protocol.
func isBadBind(e *pgconn.PgError) bool { return e.Code == "08P01" && e.Routine == "exec_bind_message" }
