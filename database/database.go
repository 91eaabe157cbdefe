package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"
)

// timeout bounds every read and every write, whatever the caller's context allows, so that a hanging database yields
// errors and not a pile of waiting requests.
const timeout = 5 * time.Second

// DB is one database. It is safe for concurrent use.
type DB struct {
	engine    engine
	checkOnly bool
	log       *slog.Logger
	isNew     bool
}

// engine is what SQLite and PostgreSQL implement each in their own way. Its errors are not classified yet.
type engine interface {
	queryRow(ctx context.Context, query string, args, dest []any) error
	confirm(ctx context.Context, query string, args, dest []any) error
	each(ctx context.Context, query string, args []any, begin func(), row rowFunc) error // begin precedes every try
	exec(ctx context.Context, query string, args, dest []any) (rows int64, err error)    // dest is nil if there are no rows
	insert(ctx context.Context, query string, args []any) (id int64, err error)
	write(ctx context.Context, fn func(*Tx) error) error
	settled(ctx context.Context, table string) (id int64, err error)
	ping(ctx context.Context) error
	stats() Stats
	requireNewKeys(ctx context.Context, tables []Table) error
	migrate(ctx context.Context, m migration) error
	copier() copier
	backup(ctx context.Context, path string) error
	close() error
}

// Options are the settings of Open besides the URL. The zero value selects the defaults.
type Options struct {
	// PoolSize is the maximum number of connections to PostgreSQL unless the URL sets pool_max_conns, and PoolLifetime
	// the time after which one is replaced. 0 selects pgxpool's defaults.
	PoolSize     int
	PoolLifetime time.Duration

	// Committed, if not nil, is called after each group of writes that were committed or lost together, with their number
	// and the time since the first one's turn. The callers wait for it. It must be safe for concurrent use.
	Committed func(writes int, took time.Duration)

	// Log is told of what an operator should look into: a SQLite file that was moved, deleted or replaced while it is
	// open, what a migration could not settle, and a restore that Open had to finish. Nil is silent.
	Log *slog.Logger

	// Beside opens a database that a service may have open, from another process. On SQLite the file must exist, and
	// Open neither locks, creates, marks, restricts nor watches it. A Write is a transaction of its own, for which it
	// waits at most 5 seconds; meanwhile the service waits for it, so it must be short. No call leaves anything open.
	// On both engines Beside implies CheckOnly.
	Beside bool

	// ReadOnly is Beside for a caller that only reads, and leaves a SQLite file and its log as they are even if no service
	// has them open. Examine and Verify require it.
	ReadOnly bool

	CheckOnly  bool // Migrate changes nothing
	Unfinished bool // Open accepts a database with an unfinished copy
}

// Open opens the database at url and checks that it answers. The url is sqlite:PATH, whose file and the folder that
// holds it are created if they are missing, or postgres://…, as libpq and pgx read it. Its errors never contain a password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	open, err := opener(url)
	if err != nil {
		return nil, err
	}
	options.Beside = options.Beside || options.ReadOnly
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	engine, err := open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Redact(url), err)
	}
	db := &DB{engine: engine, checkOnly: options.CheckOnly || options.Beside, log: options.Log}
	if err := db.inspect(ctx, options); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open %s: %w", Redact(url), err)
	}
	return db, nil
}

// inspect finds out whether the database is new, and refuses an unfinished copy.
func (db *DB) inspect(ctx context.Context, options Options) error {
	migrated, err := db.engine.copier().isMigrated(ctx)
	if err != nil {
		return err
	}
	db.isNew = !migrated
	if options.Unfinished {
		return nil
	}
	return refuseUnfinished(ctx, db)
}

// IsNew reports whether Open found no tables of ours, so that Migrate made all of them. An operator who expected a
// database with data has started on the wrong one.
func (db *DB) IsNew() bool { return db.isNew }

// CheckURL returns an error if url does not have the form that Open takes. It opens nothing.
func CheckURL(url string) error {
	_, err := opener(url)
	return err
}

// opener parses a URL and returns the function that opens it.
func opener(url string) (func(context.Context, Options) (engine, error), error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		if err := checkPath(rest, runtime.GOOS); err != nil {
			return nil, err
		}
		return func(ctx context.Context, options Options) (engine, error) { return openSQLite(ctx, rest, options) }, nil
	case "postgres", "postgresql":
		if !strings.HasPrefix(rest, "//") { // pgx would read it as key=value pairs and connect elsewhere
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

// SQLitePath returns the path in url if it is a SQLite URL.
func SQLitePath(url string) (path string, ok bool) {
	return strings.CutPrefix(url, "sqlite:")
}

// QueryRow prepares a query that returns at most one row and never writes. Scan runs it and returns its error:
// sql.ErrNoRows, one that wraps ErrUnavailable, or one that names the fault in the statement. Scan blocks for 5 seconds
// at most. On PostgreSQL it retries when a connection is lost.
//
// Parameters are $1…$n, numbered in the order of their first use; the same text runs on both engines.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{scan: func(dest []any) error { return db.engine.queryRow(ctx, query, args, dest) }}
}

// Confirm prepares a SELECT of one row of one table, for a caller that acknowledges an earlier write because of it. Scan
// returns the row once it is as durable as a write that has succeeded, and otherwise fails as Exec does.
//
// QueryRow does not promise that on PostgreSQL with synchronous replication: cancelling a commit that waits for the standby, as
// pgx does when the caller's time is up, ends the wait and shows the row to everybody. It is lost if the primary is.
func (db *DB) Confirm(ctx context.Context, query string, args ...any) *Row {
	return &Row{scan: func(dest []any) error { return db.engine.confirm(ctx, query, args, dest) }}
}

// Exec runs one statement that writes, in a transaction of its own, and returns the number of rows that it inserted,
// updated or deleted. It blocks and fails as Write does. The statement must not control transactions: on both engines that
// may be one of other callers, too. The arguments must not be changed afterwards, even if the caller's time was up.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	rows, err = db.engine.exec(ctx, query, args, nil)
	return rows, classify(err)
}

// Insert runs an INSERT of one row, as Exec does, and returns the key that the database generated in the column id, or
// sql.ErrNoRows if ON CONFLICT DO NOTHING skipped the row. A generated key that is taken is no unique violation but an
// error with the remedy.
func (db *DB) Insert(ctx context.Context, query string, args ...any) (id int64, err error) {
	id, err = db.engine.insert(ctx, query, args)
	return id, classify(err)
}

// ExecRow prepares a statement that writes and returns at most one row, by RETURNING. Scan runs it, as Exec does, and
// returns once the change is on disk. If the row does not fit the destinations, SQLite undoes the change; on PostgreSQL
// it is too late for that, and the error wraps ErrOutcomeUnknown.
func (db *DB) ExecRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{scan: func(dest []any) error {
		_, err := db.engine.exec(ctx, query, args, dest)
		return err
	}}
}

// Write runs fn in a transaction and returns nil once that transaction is on disk. An error from fn rolls back its
// changes and is returned as it is, unless it may be due to changes of other callers that were lost. An error that wraps
// ErrOutcomeUnknown means that the changes may or may not be kept; after any other error none of them is. Write blocks
// for 5 seconds at most.
//
// On SQLite the calls that arrive during a commit share the next transaction, each behind a savepoint. On PostgreSQL a
// call is a transaction; if it loses to another (40001, 40P01), or its connection before COMMIT is sent, it is retried: ten
// tries in all, or three. So fn must be able to run more than once. All callers wait for fn: it must do nothing but run
// statements of its Tx. It must not hash, use the network or call a method of the DB.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return db.engine.write(ctx, fn)
}

// Settled returns an id up to which the rows of a table are settled: none with this id or a lower one can be added any
// more. A query that begins later sees all of them. So whoever reads a table to which rows are only added, up to this id
// and in the order of ids, misses none and needs to remember only the last one. The key of the table is id, which the
// database generates.
//
// On PostgreSQL a transaction that has inserted into the table and stays open holds up the result. Settled waits some 30 ms
// for it, together with all that call it meanwhile, and then returns what it knows. In a process that has just been
// started, or after a restart of the server, that may be 0.
func (db *DB) Settled(ctx context.Context, table string) (id int64, err error) {
	id, err = db.engine.settled(ctx, table)
	return id, classify(err)
}

// lastKey returns the highest key in a table, or 0.
func lastKey(ctx context.Context, e engine, table string) (id int64, err error) {
	err = e.queryRow(ctx, "SELECT coalesce(max(id), 0) FROM "+table, nil, []any{&id})
	return id, err
}

// Ping reports whether the database can serve requests. It blocks for 5 seconds at most.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return classify(db.engine.ping(ctx))
}

// RequireNewKeys returns an error, with the remedy, if the keys that the database generates for one of the tables are
// going to collide with those of rows in it. A module calls it before it serves.
func (db *DB) RequireNewKeys(ctx context.Context, tables []Table) error {
	return db.engine.requireNewKeys(ctx, tables)
}

// Stats describes a pool of connections: its present state, and the waits for a connection since it was opened. On
// SQLite it is the pool of the readers.
type Stats struct {
	InUse, Idle, Max int
	Waits            int64
	Waited           time.Duration
}

// Stats returns the state of the pool.
func (db *DB) Stats() Stats {
	return db.engine.stats()
}

// Close waits for the writes under way and closes the database.
func (db *DB) Close() error {
	return db.engine.close()
}
