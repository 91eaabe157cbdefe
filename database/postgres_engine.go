package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"golang.org/x/sync/singleflight"
)

const (
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
	queries  *grouper
	writes   *grouper

	committed func(writes int, took time.Duration)
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
	p := &postgresServer{conns: pool, db: stdlib.OpenDBFromPool(pool), readOnly: anyTarget.MatchString(url), committed: options.Committed}
	if p.committed == nil {
		p.committed = func(int, time.Duration) {}
	}
	p.queries = newGrouper(math.MaxInt, p.queryAlone, p.sendQueries)
	p.writes = newGrouper(math.MaxInt, p.autocommit, p.sendWrites)
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
	if p.sharesTransaction(bounded) {
		p.queries.singles = min(maxSingles, int(cfg.MaxConns))
		p.writes.singles = p.queries.singles
	}
	return p, nil
}

// sharesTransaction reports whether the statements of a pipeline are one transaction. Not every server that speaks
// PostgreSQL's protocol has that, nor does the simple protocol tell several statements in one text from several texts.
func (p *postgresServer) sharesTransaction(ctx context.Context) bool {
	if p.conns.Config().ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return false
	}
	var batch pgx.Batch
	batch.Queue("SELECT set_config('userorder.pipeline', 'shared', true)")
	batch.Queue("SELECT current_setting('userorder.pipeline', true)")
	results := p.conns.SendBatch(ctx, &batch)
	_, err := results.Exec()
	var setting string
	return errors.Join(err, results.QueryRow().Scan(&setting), results.Close()) == nil && setting == "shared"
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
	look := &statement{text: "SHOW transaction_read_only", dest: []any{&readOnly}, isQuery: true}
	if err := p.queryAlone(ctx, look); err != nil { // not behind others: a ping has less time than they
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
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.queries.run(ctx, &statement{text: query, args: args, dest: dest, isQuery: true})
}

func (p *postgresServer) queryAlone(ctx context.Context, s *statement) error {
	return p.query(ctx, func(c postgresConn) error {
		began := time.Now()
		_, err := c.run(s.text, s.args, s.dest)
		s.took = time.Since(began)
		return err
	})
}

func (p *postgresServer) each(ctx context.Context, query string, args []any, begin func(), row rowFunc) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.query(ctx, func(c postgresConn) error {
		begin()
		return c.each(query, args, row)
	})
}

func (p *postgresServer) query(ctx context.Context, statement func(postgresConn) error) error {
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

func (p *postgresServer) exec(ctx context.Context, query string, args, dest []any) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s := &statement{text: query, args: args, dest: dest}
	if err := p.writes.run(ctx, s); err != nil {
		return 0, err // rows may still be written
	}
	return s.rows, nil
}

// confirm locks the row. That is a write, whose commit waits for the standby to have this and all earlier commits.
func (p *postgresServer) confirm(ctx context.Context, query string, args, dest []any) error {
	_, err := p.exec(ctx, query+" FOR UPDATE", args, dest)
	return err
}

func (p *postgresServer) insert(ctx context.Context, query string, args []any) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = p.writes.run(ctx, &statement{text: query + " RETURNING id", args: args, dest: []any{&id}, isInsert: true})
	return id, err
}

// autocommit runs a statement outside of a transaction block, where PostgreSQL commits it by itself: one round trip instead
// of three.
func (p *postgresServer) autocommit(ctx context.Context, s *statement) error {
	return p.retry(ctx, isNotKept, func() error { return p.autocommitOnce(ctx, s) })
}

func (p *postgresServer) autocommitOnce(ctx context.Context, s *statement) error {
	conn, err := p.conns.Acquire(ctx)
	if err != nil {
		return classify(err)
	}
	defer conn.Release()
	began := time.Now()
	defer func() {
		s.took = time.Since(began)
		p.committed(1, s.took)
	}()
	c := postgresConn{ctx, conn.Conn(), p}
	s.rows, err = c.run(s.text, s.args, s.dest)
	if s.isInsert {
		err = c.blameKey(err)
	}
	return outcomeOf(err)
}

// write runs fn in a transaction, and retries if nothing of it was kept.
func (p *postgresServer) write(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.retry(ctx, isNotKept, func() error { return p.transact(ctx, fn) })
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
	began := time.Now()
	defer func() {
		_ = tx.Rollback(ctx) // does nothing after Commit
		p.committed(1, time.Since(began))
	}()
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
