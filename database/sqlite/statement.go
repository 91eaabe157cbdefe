package sqlite

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// statement is a prepared statement of a connection.
type statement struct {
	c     *Conn
	stmt  uintptr // sqlite3_stmt *
	order []int   // the n of each parameter $n, in the order of SQLite, which numbers them as they appear
	text  uintptr // buffer for the bound texts
	room  int     // size of that buffer, in bytes
}

// prepare returns the statement for query and keeps it. None is ever evicted: queries are constants of the stores, so
// there are few. Several statements in one text are refused, because SQLite would run only the first.
func (c *Conn) prepare(query string) (*statement, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	text, err := libc.CString(query)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	s := &statement{c: c}
	out := c.tls.Alloc(2 * pointerSize)
	defer c.tls.Free(2 * pointerSize)
	rest := out + uintptr(pointerSize)
	code := sqlite3.Xsqlite3_prepare_v2(c.tls, c.db, text, int32(len(query)), out, rest) //nolint:gosec // short
	if err := c.errorOf(code); err != nil {
		return nil, err
	}
	s.stmt = pointerAt(out)
	if done := int(pointerAt(rest) - text); strings.TrimSpace(query[done:]) != "" {
		s.finalize()
		return nil, mistake("more than one statement: %s", query)
	}
	for i := range sqlite3.Xsqlite3_bind_parameter_count(c.tls, s.stmt) {
		name := libc.GoString(sqlite3.Xsqlite3_bind_parameter_name(c.tls, s.stmt, i+1))
		number, err := strconv.Atoi(strings.TrimPrefix(name, "$")) // the name of a ? is empty
		if err != nil || number < 1 {
			s.finalize()
			return nil, mistake("parameter %q is not of the form $1", name)
		}
		s.order = append(s.order, number)
	}
	c.statements[query] = s
	return s, nil
}

// bind sets the parameters: $1 is the first of args.
func (s *statement) bind(args []any) error {
	if len(args) != len(s.order) {
		return mistake("%d arguments for %d parameters", len(args), len(s.order))
	}
	s.reserve(args)
	free := s.text
	for i, number := range s.order {
		if number > len(args) {
			return mistake("there is no argument for $%d", number)
		}
		n, err := s.bindOne(int32(i+1), args[number-1], free)
		if err != nil {
			return err
		}
		free += uintptr(n)
	}
	return nil
}

// reserve makes room for the texts among args. SQLite cannot read them in Go's memory, since a goroutine's stack may
// move.
func (s *statement) reserve(args []any) {
	need := 1 // SQLite needs an address even for an empty text
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			need += len(arg)
		case []byte:
			need += len(arg)
		}
	}
	if need > s.room {
		libc.Xfree(s.c.tls, s.text)
		s.room = 2 * need
		s.text = libc.Xmalloc(s.c.tls, types.Size_t(s.room)) //nolint:gosec // positive
	}
}

// bindOne sets a parameter and returns how many bytes of the free buffer it used.
func (s *statement) bindOne(i int32, arg any, free uintptr) (n int, err error) {
	const static = 0 // SQLITE_STATIC: the buffer outlives the run
	tls, stmt := s.c.tls, s.stmt
	switch arg := arg.(type) {
	case int64:
		return 0, s.c.errorOf(sqlite3.Xsqlite3_bind_int64(tls, stmt, i, arg))
	case int:
		return 0, s.c.errorOf(sqlite3.Xsqlite3_bind_int64(tls, stmt, i, int64(arg)))
	case string:
		n = copy(memory(free, len(arg)), arg)
		return n, s.c.errorOf(sqlite3.Xsqlite3_bind_text(tls, stmt, i, free, int32(n), static)) //nolint:gosec // bodies are short
	case []byte:
		n = copy(memory(free, len(arg)), arg)
		return n, s.c.errorOf(sqlite3.Xsqlite3_bind_blob(tls, stmt, i, free, int32(n), static)) //nolint:gosec // bodies are short
	case nil:
		return 0, s.c.errorOf(sqlite3.Xsqlite3_bind_null(tls, stmt, i))
	}
	return 0, mistake("cannot bind a %T", arg)
}

// step runs the statement up to its next row and reports whether there is one.
func (s *statement) step() (row bool, err error) {
	switch code := sqlite3.Xsqlite3_step(s.c.tls, s.stmt); code {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		err := newError(s.c.tls, s.c.db, code)
		err.Ran = true
		return false, err
	}
}

// finish runs the statement to its end.
func (s *statement) finish() (err error) {
	for more := true; more && err == nil; {
		more, err = s.step()
	}
	return err
}

// first runs the statement up to its first row and copies it into dest.
func (s *statement) first(dest []any) error {
	more, err := s.step()
	switch {
	case err != nil:
		return err
	case !more:
		return sql.ErrNoRows
	}
	return s.scan(dest)
}

// scan copies the current row into dest.
func (s *statement) scan(dest []any) error {
	if columns := sqlite3.Xsqlite3_column_count(s.c.tls, s.stmt); int(columns) != len(dest) {
		return mistake("%d columns for %d destinations", columns, len(dest))
	}
	for i, to := range dest {
		if err := s.column(int32(i), to); err != nil {
			return mistake("column %d: %w", i+1, err)
		}
	}
	return nil
}

// column copies a column of the current row. It converts nothing: the tables are STRICT.
func (s *statement) column(i int32, to any) error {
	kind := sqlite3.Xsqlite3_column_type(s.c.tls, s.stmt, i)
	switch to := to.(type) {
	case *int64:
		if kind == sqlite3.SQLITE_INTEGER {
			*to = sqlite3.Xsqlite3_column_int64(s.c.tls, s.stmt, i)
			return nil
		}
	case *int:
		if kind == sqlite3.SQLITE_INTEGER {
			*to = int(sqlite3.Xsqlite3_column_int64(s.c.tls, s.stmt, i))
			return nil
		}
	case *string:
		if kind == sqlite3.SQLITE_TEXT {
			if text := s.bytesAt(i); *to != string(text) { // rows of a list often repeat a text: it is not copied again
				*to = string(text)
			}
			return nil
		}
	case sql.Scanner:
		if kind == sqlite3.SQLITE_INTEGER || kind == sqlite3.SQLITE_TEXT || kind == sqlite3.SQLITE_NULL {
			return to.Scan(s.value(kind, i))
		}
	}
	return fmt.Errorf("a %T cannot hold SQLite's type %d", to, kind)
}

// value returns a column in the form that sql.Scanner expects.
func (s *statement) value(kind, i int32) any {
	switch kind {
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(s.c.tls, s.stmt, i)
	case sqlite3.SQLITE_TEXT:
		return s.textAt(i)
	}
	return nil
}

func (s *statement) textAt(i int32) string { return string(s.bytesAt(i)) }

// bytesAt returns a text without copying it: it is good until the next step.
func (s *statement) bytesAt(i int32) []byte {
	address := sqlite3.Xsqlite3_column_text(s.c.tls, s.stmt, i)
	return memory(address, int(sqlite3.Xsqlite3_column_bytes(s.c.tls, s.stmt, i)))
}

// reset makes the statement ready for its next run and releases its lock on the file. Its result code only repeats
// that of the last step.
func (s *statement) reset() { sqlite3.Xsqlite3_reset(s.c.tls, s.stmt) }

func (s *statement) finalize() {
	sqlite3.Xsqlite3_finalize(s.c.tls, s.stmt)
	libc.Xfree(s.c.tls, s.text)
}
