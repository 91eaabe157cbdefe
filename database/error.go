package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrOutcomeUnknown means that a commit, or on PostgreSQL a single statement, was sent and its answer was neither a
	// success nor a refusal: the change may be kept or lost, and only a look at the data can tell.
	ErrOutcomeUnknown = errors.New("outcome unknown")

	// ErrUnavailable means that the database could not do its work now, and that nothing was changed.
	ErrUnavailable = errors.New("database unavailable")
)

// IsUniqueViolation reports whether err is the word of a unique index or a primary key that a row like
// this is already there.
func IsUniqueViolation(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// sqliteCode returns the extended result code of an error that SQLite reported, to us or to its driver.
func sqliteCode(err error) (code int, ok bool) {
	if e, ok := errors.AsType[*sqliteError](err); ok {
		return e.code, true
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}

// classify wraps a driver's error in ErrUnavailable unless the statement or the caller is to blame. What
// it does not know is the database's fault: a client is better told to come back than that it met a bug.
func classify(err error) error {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows), errors.Is(err, context.Canceled), isStatementFault(err):
		return err
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrOutcomeUnknown):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// isStatementFault reports whether the engine refused the statement or its values, as opposed to failing
// at its own work: SQLite's result codes, PostgreSQL's classes of SQLSTATE.
func isStatementFault(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		switch e.Code[:2] {
		case "21", "22", "23", "42": // cardinality, data, constraint, syntax or access rule
			return true
		}
		return false
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
