package database

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"userorder/database/sqlite"
)

// maxGroup bounds a group, and with it how long its first member waits for the others. A group grows by itself to the
// calls that arrive during a commit; waiting for more of them on purpose was slower.
const maxGroup = 256

var (
	errClosed     = fmt.Errorf("%w: closed", ErrUnavailable)
	errRolledBack = errors.New("by SQLite itself")
	errHalfDone   = errors.New("a statement may be half done")
)

// writer implements group commit. Its goroutine is the only one that writes to the SQLite file. A commit costs a flush
// of the disk, and one flush can serve many calls: those that arrive while a commit is being flushed share the next
// transaction, each behind a savepoint of its own unless it is a single statement, and return after its COMMIT.
//
// The unbuffered channel is the queue: every call in it is blocked in write, so a caller whose context ends leaves the
// queue by returning.
type writer struct {
	conn      *sqlite.Conn
	tx        *Tx // runs statements on conn
	calls     chan *call
	watch     *watch                               // may be nil
	committed func(writes int, took time.Duration) // may be nil
	stopping  chan struct{}
	stopped   chan struct{}
	once      sync.Once
	closing   sync.Once

	unkept  bool                  // a member of the open group has succeeded, so its rows await COMMIT
	broken  atomic.Pointer[error] // why nothing may be written until a restart
	stalled atomic.Bool           // the last group was lost

}

// newWriter returns a writer that owns conn until stop has returned. It calls committed, unless that is nil, after each
// group, and looks after the file between groups, unless watch is nil.
func newWriter(conn *sqlite.Conn, watch *watch, committed func(writes int, took time.Duration)) *writer {
	w := &writer{
		conn:      conn,
		tx:        &Tx{runner: sqliteTx{conn}},
		calls:     make(chan *call),
		watch:     watch,
		committed: committed,
		stopping:  make(chan struct{}),
		stopped:   make(chan struct{}),
	}
	go w.loop()
	return w
}

// write hands fn to the writer and waits for the end of its group, for timeout at most. If single is set, fn runs one
// statement at most.
func (w *writer) write(ctx context.Context, single bool, fn func(*Tx) error) error {
	if err := w.failure(); err != nil {
		return err
	}
	c := &call{fn: fn, single: single, done: make(chan struct{})}
	expired := time.NewTimer(timeout)
	defer expired.Stop()
	select {
	case w.calls <- c:
	case <-ctx.Done():
		return classify(ctx.Err())
	case <-expired.C:
		return classify(context.DeadlineExceeded)
	case <-w.stopping:
		return errClosed
	}
	var err error
	select {
	case <-c.done:
		err = c.err
	case <-ctx.Done():
		err = c.leave(ctx.Err())
	case <-expired.C:
		err = c.leave(context.DeadlineExceeded)
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return err
}

func (w *writer) loop() {
	defer close(w.stopped)
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	for {
		select {
		case first := <-w.calls:
			began := time.Now()
			group, lost := w.gather(first)
			w.commit(group, lost, began)
		case <-look.C:
			w.lookAfterFile()
		case <-w.stopping:
			return
		}
	}
}

// gather begins a transaction and executes first and the calls waiting behind it. It returns them, and a non-nil lost if
// the transaction is no more.
func (w *writer) gather(first *call) (group []*call, lost error) {
	if err := w.failure(); err != nil {
		return []*call{first}, err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return []*call{first}, fmt.Errorf("%w: begin: %w", ErrUnavailable, err)
	}
	w.unkept = false
	for c := first; c != nil; c = w.next(len(group)) {
		group = append(group, c)
		if err := w.execute(c); err != nil {
			return group, err
		}
	}
	return group, nil
}

// next returns a waiting call, or nil.
func (w *writer) next(size int) *call {
	if size == maxGroup {
		return nil
	}
	select {
	case c := <-w.calls:
		return c
	default:
		return nil
	}
}

// execute calls fn and undoes its changes if it fails. The error of execute is not that failure but the loss of the
// whole transaction, which SQLite rolls back by itself when, say, the disk is full
// (https://www.sqlite.org/lang_transaction.html).
func (w *writer) execute(c *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil
	}
	if !c.single {
		if err := w.exec("SAVEPOINT call"); err != nil {
			return err
		}
	}
	c.ran = true
	c.err = c.callFn(w.tx)
	if isCorruption(c.err) {
		w.fail(c.err)
	}
	if c.err == nil {
		w.unkept = true
	}
	c.final = !w.unkept // failed, having seen only its own rows and those on disk
	if err := w.settle(c); err != nil {
		// %v, not %w: errors.Is must not match one caller's error for the whole group.
		return fmt.Errorf("%w: the transaction was rolled back: %v (after: %v)", ErrUnavailable, err, c.err) //nolint:errorlint // see above
	}
	return nil
}

// settle keeps the changes of a call that succeeded and undoes those of one that failed.
func (w *writer) settle(c *call) error {
	switch {
	case c.err != nil && !w.conn.InTransaction():
		return errRolledBack
	case c.single && !isUndone(c.err):
		return errHalfDone
	case c.single:
		return nil
	case c.err != nil:
		if err := w.exec("ROLLBACK TO call"); err != nil {
			return err
		}
	}
	return w.exec("RELEASE call")
}

// isUndone reports whether a single statement that failed with err has left no changes. SQLite undoes a statement that
// violates a constraint (https://www.sqlite.org/lang_conflict.html, ABORT), but not always one that fails otherwise,
// such as by a value of the wrong type for a STRICT table.
func isUndone(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || !e.Ran {
		return true
	}
	switch e.Code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_NOTNULL,
		sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return true
	}
	return false
}

// commit ends the transaction that began at began, unless it is lost already, and answers the members of the group.
func (w *writer) commit(group []*call, lost error, began time.Time) {
	if lost == nil {
		if err := w.exec("COMMIT"); err != nil {
			w.stopIfInDoubt(err)
			lost = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
	w.stalled.Store(lost != nil)
	if lost != nil {
		_ = w.exec("ROLLBACK") // SQLite may have done so already
	}
	if w.committed != nil {
		w.committed(len(group), time.Since(began))
	}
	for _, c := range group {
		c.finish(lost)
	}
}

// stopIfInDoubt stops all writing if a failed commit leaves the contents of the file in doubt. After a failed fsync the
// kernel may drop the pages and report success the next time; only a fresh open reads what is on disk. A disk without
// room for the log, or for its index (SHMSIZE), leaves no doubt: the next commit overwrites the remains of this one.
func (w *writer) stopIfInDoubt(commit error) {
	if code, ok := sqliteCode(commit); ok {
		switch {
		case code&0xff == sqlite3.SQLITE_FULL, code&0xff == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_IOERR_SHMSIZE:
			return
		}
	}
	w.fail(fmt.Errorf("a commit failed: %w", commit))
}

// fail makes every further write fail because of cause.
func (w *writer) fail(cause error) {
	err := fmt.Errorf("%w: no more writes until a restart: %w", ErrUnavailable, cause)
	w.broken.CompareAndSwap(nil, &err)
}

// failure returns the cause given to fail, or nil.
func (w *writer) failure() error {
	if err := w.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *writer) exec(statement string) error {
	_, err := w.conn.Run(statement, nil, nil)
	return err
}

// stop refuses further calls and waits for the running group.
func (w *writer) stop() {
	w.once.Do(func() { close(w.stopping) })
	<-w.stopped
}

// close closes the connection after stop. It looks after the file once more: SQLite itself moves no log into a file that
// has lost its name.
func (w *writer) close() error {
	w.closing.Do(w.lookAfterFile)
	return w.conn.Close()
}
