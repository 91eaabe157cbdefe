package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// The engines of a Condition.
const (
	SQLite     = "SQLite"
	PostgreSQL = "PostgreSQL"
)

// Condition is the condition of a database, for an operator.
type Condition struct {
	Engine string // SQLite or PostgreSQL
	Major  int    // version of a PostgreSQL server, like 17

	Text       string // encoding and collation of a PostgreSQL database, "" for SQLite
	Recollated bool   // a library of the server has another order of texts now than when the database was made

	Size int64 // of the database, in bytes
	Log  int64 // of the -wal of a SQLite file, in bytes
	Free int64 // of the file system of a SQLite file, in bytes; -1 if it is unknown

	Ahead time.Duration // of the clock of a PostgreSQL server before that of this machine
}

// Damage is something that is damaged in a database.
type Damage struct{ Found, Remedy string }

// examiner is implemented by the engines that a database without writes can have.
type examiner interface {
	condition(ctx context.Context) (Condition, error)
	verify(ctx context.Context) (damage []Damage, complete bool, err error)
}

var errNotReadOnly = fmt.Errorf("%w: only a database opened with ReadOnly is examined", errMisuse)

// Examine returns the condition of a database that was opened with Options.ReadOnly.
func (db *DB) Examine(ctx context.Context) (Condition, error) {
	e, ok := db.engine.(examiner)
	if !ok {
		return Condition{}, errNotReadOnly
	}
	c, err := e.condition(ctx)
	return c, classify(err)
}

// Verify looks for damage until ctx is over, in a database that was opened with Options.ReadOnly. On SQLite it reads the
// file, and complete says whether it has read all of it; meanwhile the log of the file cannot begin anew. On PostgreSQL,
// whose files are the server's, it asks for what the server knows: indexes that were not built to their end, and pages
// whose checksum was wrong.
func (db *DB) Verify(ctx context.Context) (damage []Damage, complete bool, err error) {
	e, ok := db.engine.(examiner)
	if !ok {
		return nil, false, errNotReadOnly
	}
	damage, complete, err = e.verify(ctx)
	return damage, complete, classify(err)
}

// remedies holds the errors of Open and Migrate whose text is a remedy, or a fault, a colon and the remedy.
var remedies = []error{
	errDiskFull, errInUse, errForeign, errNewer, errNoAccess, errDamaged, errLogAlone, errNoServer, ErrPending, errOldProgram,
	errNoBackupAccess, errNoBackupRoom, errOtherSource,
}

// Explain returns the text of an error, without a remedy that is in it, and that remedy, or "".
func Explain(err error) (fault, remedy string) {
	fault = err.Error()
	for _, known := range remedies {
		if !errors.Is(err, known) {
			continue
		}
		cause, remedy, both := strings.Cut(known.Error(), ": ")
		if !both {
			return strings.ReplaceAll(fault, ": "+cause, ""), cause
		}
		return strings.ReplaceAll(fault, ": "+remedy, ""), remedy
	}
	if isDenied(err) {
		return fault, "connect as the owner of the tables, or let this role read and write them"
	}
	return fault, ""
}

// SQLiteVersion returns the version of SQLite in this program, like 3.54.1.
func SQLiteVersion() string { return sqlite3.SQLITE_VERSION }
