package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// maxTries is how often something is tried that may be tried again.
	maxTries = 3

	// pingTimeout is shorter than the patience of whoever asks for the readiness, openTimeout is not.
	pingTimeout = 2 * time.Second
	openTimeout = 10 * time.Second
)

// postgresServer is a PostgreSQL database behind pgx's pool.
type postgresServer struct {
	conns    *pgxpool.Pool
	db       *sql.DB
	readOnly bool // the URL asks for a server that need not take writes
}

func openPostgres(ctx context.Context, url string, cfg *pgxpool.Config, options Options) (engine, error) {
	if options.PoolSize > 0 && !ownPoolSize.MatchString(url) {
		cfg.MaxConns = int32(options.PoolSize) //nolint:gosec // settings bound it
	}
	if options.PoolLifetime > 0 {
		cfg.MaxConnLifetime = options.PoolLifetime
		cfg.MaxConnLifetimeJitter = options.PoolLifetime / 10 // so that they do not all end at once
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &postgresServer{conns: pool, db: stdlib.OpenDBFromPool(pool), readOnly: anyTarget.MatchString(url)}
	bounded, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := p.check(bounded); err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

// ping reports a server that is up but takes no writes, too: a primary that has become a standby keeps its
// connections.
func (p *postgresServer) ping(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := p.check(bounded)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		p.conns.Reset() // it is silent: whoever comes next had better look for another
	}
	return err
}

func (p *postgresServer) check(ctx context.Context) error {
	var readOnly string
	if err := p.queryRow(ctx, "SHOW transaction_read_only", nil, []any{&readOnly}); err != nil {
		return err
	}
	if readOnly == "on" && !p.readOnly {
		p.conns.Reset()
		return errors.New("the server takes no writes")
	}
	return nil
}

func (p *postgresServer) stats() Stats {
	s := p.conns.Stat()
	return Stats{
		InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Max: int(s.MaxConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}

// queryRow tries again whatever the connection is to blame for: a query that is run twice does no harm.
func (p *postgresServer) queryRow(ctx context.Context, query string, args, dest []any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.tryAgain(ctx, isLost, func() error { return p.db.QueryRowContext(ctx, query, args...).Scan(dest...) })
}

func (p *postgresServer) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	err = p.write(ctx, func(tx *Tx) (err error) {
		rows, err = tx.run(query, args, dest)
		return err
	})
	return rows, err
}

func (p *postgresServer) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	_, err = p.exec(ctx, query+" RETURNING id", args, []any{&id})
	return id, err
}

// write runs fn in a transaction, and again if it is known that nothing of it was kept.
func (p *postgresServer) write(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	again := func(err error) bool {
		return !errors.Is(err, ErrOutcomeUnknown) && (lostToAnother(err) || isLost(err))
	}
	return p.tryAgain(ctx, again, func() error { return p.transact(ctx, fn) })
}

// tryAgain calls try until it succeeds, or fails otherwise than again allows, a few times at most and as long
// as ctx allows. It waits for longer each time, and for chance, so that those who failed together do not meet
// again.
func (p *postgresServer) tryAgain(ctx context.Context, again func(error) bool, try func() error) error {
	for tries := 1; ; tries++ {
		err := try()
		if isLost(err) {
			// The others in the pool are likely to be dead, too, or to lead to a server that is a standby now.
			p.conns.Reset()
		}
		if err == nil || tries == maxTries || !again(err) {
			return err
		}
		select {
		case <-time.After(time.Duration(tries*tries)*5*time.Millisecond + rand.N(20*time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

// transact runs fn in a transaction. Until COMMIT is sent a failure means that nothing is kept: PostgreSQL
// rolls back what a lost connection leaves open.
func (p *postgresServer) transact(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := fn(&Tx{runner: inTransaction{ctx, tx}}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	switch err := tx.Commit(); {
	case err == nil:
		return nil
	case lostToAnother(err), errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, sql.ErrTxDone): // not kept
		return classify(err)
	default:
		return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
	}
}

// inTransaction runs statements in a transaction until ctx ends.
type inTransaction struct {
	ctx context.Context
	tx  *sql.Tx
}

func (t inTransaction) run(query string, args, dest []any) (rows int64, err error) {
	if dest != nil {
		return 0, t.tx.QueryRowContext(t.ctx, query, args...).Scan(dest...)
	}
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// lostToAnother reports a serialization failure or a deadlock: the server rolled the transaction back and
// asks for it to be run again (https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html).
func lostToAnother(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// isLost reports that there was no connection to a server that takes writes, or that it is gone. It is not the
// end of a caller's time. (pgconn.SafeToRetry knows some of these cases alone: it is false for a server that
// refuses the connection, where nothing can have been sent.)
func isLost(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "25006", // read-only: it has become a standby
			"57P01", "57P02", "57P03": // it is being stopped, has crashed, is starting
			return true
		}
		return strings.HasPrefix(e.Code, "08") // connection exceptions, a pooler's among them
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, isNetwork := errors.AsType[net.Error](err)
	return isNetwork || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// migrate holds an advisory lock that belongs to the module and its schema, so that replicas that start
// together take turns.
func (p *postgresServer) migrate(ctx context.Context, module string, files fs.FS, check bool) error {
	var schema string
	if err := p.db.QueryRowContext(ctx, "SELECT coalesce(current_schema(), '')").Scan(&schema); err != nil {
		return err
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte("userorder migration of " + module + " in " + schema))
	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(id.Sum64())), //nolint:gosec // any 64 bits will do
		lock.WithLockTimeout(1, 60),        // look every second, give up after a minute
	)
	if err != nil {
		return err
	}
	return migrate(ctx, goose.DialectPostgres, p.db, module, files, check, goose.WithSessionLocker(locker))
}

func (p *postgresServer) pool() *sql.DB { return p.db }

func (p *postgresServer) hasTable(ctx context.Context, name string) (there bool, err error) {
	err = p.db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there)
	return there, err
}

func (p *postgresServer) lastID(ctx context.Context, table Table) (id int64, err error) {
	const query = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0)"
	err = p.db.QueryRowContext(ctx, query, table.Name, table.Columns[0]).Scan(&id)
	return id, err
}

func (p *postgresServer) setLastID(ctx context.Context, table Table, id int64) error {
	const query = "SELECT setval(pg_get_serial_sequence($1, $2), greatest($3::bigint, 1), $3::bigint > 0)"
	_, err := p.db.ExecContext(ctx, query, table.Name, table.Columns[0], id)
	return err
}

// lockCopy takes a lock that belongs to the schema and goes with its connection.
func (p *postgresServer) lockCopy(ctx context.Context) (unlock func(), err error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var locked bool
	err = conn.QueryRowContext(ctx,
		"SELECT pg_try_advisory_lock(hashtextextended('userorder copy to ' || current_schema(), 0))").Scan(&locked)
	if err == nil && !locked {
		err = errCopying
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it, and so gives up the lock
		_ = conn.Close()
	}, nil
}

func (p *postgresServer) close() error {
	err := p.db.Close()
	p.conns.Close()
	return err
}
