package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"golang.org/x/sync/singleflight"
)

const (
	// maxTries is the number of tries of an operation that may be retried, and maxRaces that of one that loses to other
	// transactions, which many at once do where transactions are serializable.
	maxTries, maxRaces = 3, 10

	pingTimeout = 2 * time.Second  // less than the usual timeout of a readiness probe
	openTimeout = 10 * time.Second // for the first ping
)

// postgresServer is the engine for a PostgreSQL database behind pgx's pool.
type postgresServer struct {
	conns    *pgxpool.Pool
	db       *sql.DB  // the same pool, for goose and Copy
	readOnly bool     // the URL accepts a server that is read-only
	keys     sync.Map // remedies for unique indexes by schema and name, as remedyOf returns them
	settling sync.Map // *settling by the name of the table
	looks    singleflight.Group
}

func openPostgres(ctx context.Context, url string, cfg *pgxpool.Config, options Options) (engine, error) {
	if options.PoolSize > 0 && !ownPoolSize.MatchString(url) {
		cfg.MaxConns = int32(options.PoolSize) //nolint:gosec // settings bound it
	}
	if options.PoolLifetime > 0 {
		cfg.MaxConnLifetime = options.PoolLifetime
		cfg.MaxConnLifetimeJitter = options.PoolLifetime / 10 // so that they are not all replaced at once
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &postgresServer{conns: pool, db: stdlib.OpenDBFromPool(pool), readOnly: anyTarget.MatchString(url)}
	bounded, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	err = p.probe(bounded)
	if err == nil {
		err = p.requireUTF8(bounded)
	}
	if err != nil {
		_ = p.close()
		return nil, explainRefusal(url, err)
	}
	return p, nil
}

// requireUTF8 returns an error unless the database stores text as UTF-8. Other encodings lack most characters, and
// SQL_ASCII checks none.
func (p *postgresServer) requireUTF8(ctx context.Context) error {
	var encoding string
	if err := p.queryRow(ctx, "SHOW server_encoding", nil, []any{&encoding}); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the encoding of the database is %s and must be UTF8: make another one by "+
			"CREATE DATABASE … ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", encoding)
	}
	return nil
}

// ping also fails if the server has become read-only: a primary that is demoted to a standby keeps its connections.
func (p *postgresServer) ping(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := p.probe(bounded)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		p.conns.Reset() // silent: the next caller may find another host
	}
	return err
}

// probe reads from the server and requires that it takes writes.
func (p *postgresServer) probe(ctx context.Context) error {
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

// queryRow retries after the loss of a connection, or of a race with writers where transactions are serializable: a query
// that runs twice does no harm.
func (p *postgresServer) queryRow(ctx context.Context, query string, args, dest []any) error {
	return p.query(ctx, func(c postgresConn) error {
		_, err := c.run(query, args, dest)
		return err
	})
}

func (p *postgresServer) each(ctx context.Context, query string, args []any, begin func(), row rowFunc) error {
	return p.query(ctx, func(c postgresConn) error {
		begin()
		return c.each(query, args, row)
	})
}

func (p *postgresServer) query(ctx context.Context, statement func(postgresConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	again := func(err error) bool { return isLost(err) || lostToAnother(err) }
	return p.retry(ctx, again, func() error {
		conn, err := p.conns.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return statement(postgresConn{ctx, conn.Conn(), p})
	})
}

// exec runs a statement outside of a transaction block, where PostgreSQL commits it by itself: one round trip instead of
// three.
func (p *postgresServer) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	err = p.autocommit(ctx, func(c postgresConn) (err error) {
		rows, err = c.run(query, args, dest)
		return err
	})
	return rows, err
}

func (p *postgresServer) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	err = p.autocommit(ctx, func(c postgresConn) (err error) {
		id, err = c.insert(query, args)
		return err
	})
	return id, err
}

func (p *postgresServer) autocommit(ctx context.Context, statement func(postgresConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.retry(ctx, isNotKept, func() error { return p.autocommitOnce(ctx, statement) })
}

// autocommitOnce returns an error that wraps ErrOutcomeUnknown unless the statement was refused or certainly never sent.
func (p *postgresServer) autocommitOnce(ctx context.Context, statement func(postgresConn) error) error {
	conn, err := p.conns.Acquire(ctx)
	if err != nil {
		return classify(err)
	}
	defer conn.Release()
	err = statement(postgresConn{ctx, conn.Conn(), p})
	notSent := errors.Is(err, errMisuse) && !errors.Is(err, errUnread) || pgconn.SafeToRetry(err)
	if err == nil || errors.Is(err, sql.ErrNoRows) || isRefused(err) || notSent {
		return classify(err)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// isRefused reports an error that certainly precedes a commit: one after which the server keeps the connection. An error
// that ends the connection may follow a commit, and so may a pooler's report that it has lost its server (class 08).
func isRefused(err error) bool {
	const completionUnknown = "40003"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && isBadBind(e) || ok && e.SeverityUnlocalized == "ERROR" && !strings.HasPrefix(e.Code, "08") && e.Code != completionUnknown
}

// write runs fn in a transaction, and retries if nothing of it was kept.
func (p *postgresServer) write(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.retry(ctx, isNotKept, func() error { return p.transact(ctx, fn) })
}

// isNotKept reports that nothing was kept, by a failure that a retry may cure.
func isNotKept(err error) bool {
	return !errors.Is(err, ErrOutcomeUnknown) && (lostToAnother(err) || isLost(err))
}

// retry calls try up to maxTries times, or maxRaces times if it loses to others, while again(err) holds and ctx allows,
// with growing, jittered pauses.
func (p *postgresServer) retry(ctx context.Context, again func(error) bool, try func() error) error {
	for tries := 1; ; tries++ {
		err := try()
		if isLost(err) {
			// The other connections are probably dead, too, or lead to a server that is now a standby.
			p.conns.Reset()
		}
		limit := maxTries
		if lostToAnother(err) {
			limit = maxRaces
		}
		if err == nil || tries >= limit || !again(err) {
			return err
		}
		select {
		case <-time.After(time.Duration(tries*tries)*5*time.Millisecond + rand.N(time.Duration(tries)*20*time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

// begin keeps a process that is frozen, or whose machine is gone, from holding its locks for longer than that: the server
// does not notice it otherwise. No transaction of a process that runs takes half as long.
const begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'"

// transact runs fn in a transaction. A failure before COMMIT is sent means that nothing is kept: PostgreSQL rolls back
// when a connection is lost.
func (p *postgresServer) transact(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.conns.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after Commit
	if err := fn(&Tx{runner: postgresConn{ctx, tx.Conn(), p}}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	switch err := tx.Commit(ctx); {
	case err == nil:
		return nil
	case isRefused(err), errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed): // not kept
		return classify(err)
	default:
		return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
	}
}

// lostToAnother reports a serialization failure or a deadlock: the server has rolled the transaction back, and the client
// should retry it (https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html).
func lostToAnother(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// isLost reports that there was no connection to a server that takes writes, or that it broke. The end of a context is
// neither. (pgconn.SafeToRetry covers only part of this: it is false for a refused connection, on which nothing can have
// been sent.)
func isLost(err error) bool {
	if err == nil || isContextError(err) || errors.Is(err, errMisuse) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "25006", // read-only: now a standby
			"57P01", "57P02", "57P03": // stopping, crashed, starting
			return true
		}
		return strings.HasPrefix(e.Code, "08") && !isBadBind(e) // connection exceptions, a pooler's included
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, isNetwork := errors.AsType[net.Error](err)
	return isNetwork || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// migrate holds an advisory lock for the module and its schema, so that replicas that start together take turns.
func (p *postgresServer) migrate(ctx context.Context, m migration) error {
	var schema string
	if err := p.db.QueryRowContext(ctx, "SELECT coalesce(current_schema(), '')").Scan(&schema); err != nil {
		return err
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte("userorder migration of " + m.module + " in " + schema))
	locker, err := lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(id.Sum64())), //nolint:gosec // any 64 bits will do
		lock.WithLockTimeout(1, 600),       // poll every second; a migration may read all accounts
	)
	if err != nil {
		return err
	}
	return migrate(ctx, goose.DialectPostgres, p.db, m, goose.WithSessionLocker(locker))
}

func (p *postgresServer) close() error {
	err := p.db.Close()
	p.conns.Close()
	return err
}
