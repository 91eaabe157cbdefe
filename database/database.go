// Package database opens a SQLite file or a PostgreSQL server by its URL and gives modules one way to
// read, to write and to migrate their tables. It owns pools, group commit, retries and the meaning of
// driver errors. It must not know any module, any table or anything of HTTP.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// timeout bounds every read and every write, whatever the caller's context allows, so that a database
// that hangs gives an answer and not a pile of waiting requests.
const timeout = 5 * time.Second

// DB is one database. It is safe for concurrent use.
type DB struct {
	engine    engine
	checkOnly bool
}

// engine is what SQLite and PostgreSQL do each in their own way.
type engine interface {
	queryRow(ctx context.Context, query string, args, dest []any) error
	exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) // dest is nil if there are no rows
	insert(ctx context.Context, query string, args []any) (id int64, err error)
	write(ctx context.Context, fn func(*Tx) error) error
	ping(ctx context.Context) error
	stats() Stats

	// What Copy needs.
	pool() *sql.DB // for reading
	hasTable(ctx context.Context, name string) (bool, error)
	lastID(ctx context.Context, table Table) (int64, error)
	setLastID(ctx context.Context, table Table, id int64) error
	lockCopy(ctx context.Context) (unlock func(), err error)

	migrate(ctx context.Context, module string, files fs.FS, check bool) error
	close() error
}

// Options is what Open needs besides a URL. The zero Options will do.
type Options struct {
	// The pool of connections to PostgreSQL: how many there are at most, unless the URL has a pool_max_conns,
	// and for how long one is used. 0 is what pgxpool does by itself.
	PoolSize     int
	PoolLifetime time.Duration

	// Committed is told of each group of writes that SQLite ended together: how many there were, and how long it
	// took from the first one's turn until they were on the disk, or lost. They all wait for it. It may be nil.
	Committed func(writes int, took time.Duration)

	CheckOnly  bool // Migrate changes nothing
	Unfinished bool // a database that holds half of a copy is opened all the same
}

// Open opens the database at url and checks that it answers. The url is sqlite:PATH, whose folder and
// file are made if they are missing, or postgres://…, as libpq and pgx read it. No error that it returns
// contains a password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	open, err := opener(url)
	if err != nil {
		return nil, err
	}
	engine, err := open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Redact(url), err)
	}
	db := &DB{engine: engine, checkOnly: options.CheckOnly}
	if !options.Unfinished {
		half, err := engine.hasTable(ctx, unfinished)
		if err == nil && half {
			err = errUnfinished
		}
		if err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("open %s: %w", Redact(url), err)
		}
	}
	return db, nil
}

// CheckURL reports what is wrong with the form of a database URL, without opening anything.
func CheckURL(url string) error {
	_, err := opener(url)
	return err
}

// opener reads the form of a URL and returns what opens it.
func opener(url string) (func(context.Context, Options) (engine, error), error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		if err := checkPath(rest); err != nil {
			return nil, err
		}
		return func(ctx context.Context, options Options) (engine, error) { return openSQLite(ctx, rest, options) }, nil
	case "postgres", "postgresql":
		if !strings.HasPrefix(rest, "//") { // pgx would read it as key=value pairs and go elsewhere
			break
		}
		cfg, err := parsePostgres(url)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, options Options) (engine, error) {
			return openPostgres(ctx, url, cfg, options)
		}, nil
	}
	return nil, errors.New("must be sqlite:PATH or postgres://…")
}

// SQLitePath returns the path of the file if url is a SQLite URL.
func SQLitePath(url string) (path string, ok bool) {
	return strings.CutPrefix(url, "sqlite:")
}

// QueryRow prepares a query that returns at most one row and never writes. Scan runs it and returns what
// goes wrong: sql.ErrNoRows, an error that wraps ErrUnavailable, or one that names a faulty statement. It
// blocks until a connection is free and the row is read, for 5 seconds at most; on PostgreSQL it tries again
// where a connection is lost.
//
// Parameters are $1…$n, numbered in the order of their first use; the same text runs on both engines.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{run: func(dest []any) error { return db.engine.queryRow(ctx, query, args, dest) }}
}

// Exec runs one statement that writes as a transaction of its own, and returns how many rows it changed. It blocks
// and fails as Write does.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	rows, err = db.engine.exec(ctx, query, args, nil)
	return rows, classify(err)
}

// Insert is Exec for an INSERT of one row into a table whose key the database makes and whose name is id. It returns
// that key, or sql.ErrNoRows if ON CONFLICT left the row out.
func (db *DB) Insert(ctx context.Context, query string, args ...any) (id int64, err error) {
	id, err = db.engine.insert(ctx, query, args)
	return id, classify(err)
}

// ExecRow is Exec for a statement that returns at most one row, by RETURNING. Scan runs it and waits until it is on
// disk.
func (db *DB) ExecRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{run: func(dest []any) error {
		_, err := db.engine.exec(ctx, query, args, dest)
		return err
	}}
}

// Write runs fn in a transaction and returns nil once that transaction is on disk. An error from fn rolls
// back what fn did and is returned as it is. An error that wraps ErrOutcomeUnknown means that nobody knows
// whether the change is kept; any other error means that nothing of it happened. It blocks for 5 seconds
// at most.
//
// On SQLite the calls that wait while a commit reaches the disk share the next transaction, each behind a
// savepoint of its own; on PostgreSQL a call is a transaction, and one that loses to another (40001,
// 40P01), or loses its connection before COMMIT is sent, is run again, three times at most, so fn must be able
// to run more than once. Everybody waits for fn: it must do
// nothing but run statements of its Tx, no hashing, no network, no other method of the DB.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return db.engine.write(ctx, fn)
}

// Ping reports whether the database can serve requests. It blocks for 5 seconds at most.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return classify(db.engine.ping(ctx))
}

// Migrate brings the tables of a module up to date with the migrations in the folder migrations of files, which
// goose reads. A file whose name ends in .sqlite.sql or .postgres.sql is for that engine alone. Each module has a version table
// of its own. On PostgreSQL any number of processes may call it at once: each migration runs once. A
// database that is newer than files is an error; with Options.CheckOnly so is one that is older.
func (db *DB) Migrate(ctx context.Context, module string, files fs.FS) error {
	files, err := fs.Sub(files, "migrations")
	if err == nil {
		err = db.engine.migrate(ctx, module, files, db.checkOnly)
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", module, err)
	}
	return nil
}

// Stats is what a pool of connections does at this moment, and how often somebody had to wait for one since it was
// opened. On SQLite it is about those that read.
type Stats struct {
	InUse, Idle, Max int
	Waits            int64
	Waited           time.Duration
}

// Stats returns what the pool does at this moment.
func (db *DB) Stats() Stats {
	return db.engine.stats()
}

// Close waits for the writes that are under way and closes the database.
func (db *DB) Close() error {
	return db.engine.close()
}

// Tx runs the statements of one Write.
//
// Its methods take no context: on SQLite a statement of a group must not be cancelled, for an interrupted INSERT, UPDATE
// or DELETE rolls back the whole transaction and with it the work of everybody else
// (https://www.sqlite.org/c3ref/interrupt.html).
type Tx struct {
	runner runner
}

// runner runs one statement, and copies its first row into dest unless that is nil.
type runner interface {
	run(query string, args, dest []any) (rows int64, err error)
}

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(query string, args ...any) (rows int64, err error) {
	return tx.run(query, args, nil)
}

// QueryRow prepares a statement that returns at most one row. Scan runs it.
func (tx *Tx) QueryRow(query string, args ...any) *Row {
	return &Row{run: func(dest []any) error {
		_, err := tx.run(query, args, dest)
		return err
	}}
}

func (tx *Tx) run(query string, args, dest []any) (rows int64, err error) {
	rows, err = tx.runner.run(query, args, dest)
	return rows, classify(err)
}

// Row is the result of QueryRow or ExecRow.
type Row struct {
	run func(dest []any) error
}

// Scan runs the query, copies the columns of the row into dest, and must be called exactly once. It returns
// sql.ErrNoRows if there is no row. What dest points to is an int64, an int, a string or a sql.Scanner.
func (r *Row) Scan(dest ...any) error {
	return classify(r.run(dest))
}
