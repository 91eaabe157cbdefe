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
	return p.tryAgain(ctx, isLost, func() error { return p.conns.QueryRow(ctx, query, args...).Scan(dest...) })
}

// exec runs a statement outside of a transaction, where PostgreSQL makes it one by itself: one message and its answer
// instead of three.
func (p *postgresServer) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = p.tryAgain(ctx, isNotKept, func() (err error) {
		rows, err = p.execOnce(ctx, query, args, dest)
		return err
	})
	return rows, err
}

// execOnce returns an error that wraps ErrOutcomeUnknown unless the server refused the statement, or certainly never
// got it.
func (p *postgresServer) execOnce(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	conn, err := p.conns.Acquire(ctx)
	if err != nil {
		return 0, classify(err)
	}
	defer conn.Release()
	if dest != nil {
		err = conn.QueryRow(ctx, query, args...).Scan(dest...)
	} else {
		var tag pgconn.CommandTag
		tag, err = conn.Exec(ctx, query, args...)
		rows = tag.RowsAffected()
	}
	if err == nil || errors.Is(err, sql.ErrNoRows) || isRefused(err) || pgconn.SafeToRetry(err) {
		return rows, classify(err)
	}
	return 0, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// isRefused reports an error after which the server goes on with the connection, and has rolled back. One that ends
// the connection may come after a commit, and so may what a pooler says of a server that it has lost (class 08).
func isRefused(err error) bool {
	const completionUnknown = "40003"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR" && !strings.HasPrefix(e.Code, "08") && e.Code != completionUnknown
}

func (p *postgresServer) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	_, err = p.exec(ctx, query+" RETURNING id", args, []any{&id})
	return id, err
}

// write runs fn in a transaction, and again if it is known that nothing of it was kept.
func (p *postgresServer) write(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.tryAgain(ctx, isNotKept, func() error { return p.transact(ctx, fn) })
}

// isNotKept reports that what failed was not kept, and why it is worth another try.
func isNotKept(err error) bool {
	return !errors.Is(err, ErrOutcomeUnknown) && (lostToAnother(err) || isLost(err))
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

func (p *postgresServer) close() error {
	err := p.db.Close()
	p.conns.Close()
	return err
}
