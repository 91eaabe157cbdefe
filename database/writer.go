package database

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// maxGroup bounds a group, and with it how long its first member waits for the others. Groups grow by
// themselves to what arrives during a commit; waiting for more on purpose only made everything slower.
const maxGroup = 256

var (
	errClosed     = fmt.Errorf("%w: closed", ErrUnavailable)
	errRolledBack = errors.New("SQLite gave it up")
	errHalfDone   = errors.New("a statement may be half done")
)

// writer is group commit: the one goroutine that writes to a SQLite file. A commit costs a flush of the
// disk, and one flush can serve many: the calls that arrive while a commit is being flushed share the next
// transaction, each behind its own savepoint unless it is a single statement, and get their answers after its COMMIT.
//
// The queue is the channel itself. Nobody is in it but callers that are blocked in write, so a caller whose
// context ends leaves it by returning.
type writer struct {
	conn      *connection
	tx        *Tx // runs statements on conn
	calls     chan *call
	committed func(writes int, took time.Duration) // may be nil
	stopping  chan struct{}
	stopped   chan struct{}
	once      sync.Once

	unkept  bool                  // the group holds rows that its COMMIT has yet to keep
	broken  atomic.Pointer[error] // why nothing may be written any more
	stalled atomic.Bool           // the last group was not written

	groups, writes atomic.Int64
}

// call is one caller of write, as the writer sees it.
type call struct {
	fn     func(*Tx) error
	single bool          // fn runs one statement
	done   chan struct{} // closed when err is final

	mu       sync.Mutex // held while fn runs
	left     bool       // the caller has gone: fn must not run
	ran      bool
	final    bool // err does not depend on the group any more
	err      error
	panicked any
}

// newWriter uses conn until stop has returned. It tells committed, unless that is nil, of each group.
func newWriter(conn *connection, committed func(writes int, took time.Duration)) *writer {
	w := &writer{
		conn:      conn,
		tx:        &Tx{runner: conn},
		calls:     make(chan *call),
		committed: committed,
		stopping:  make(chan struct{}),
		stopped:   make(chan struct{}),
	}
	go w.loop()
	return w
}

// write hands fn, which may run a single statement or any number, to the writer and waits for the end of its group,
// for 5 seconds at most.
func (w *writer) write(ctx context.Context, single bool, fn func(*Tx) error) error {
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

// leave gives up waiting because of cause. It waits while fn runs, so that fn never outlives the caller.
func (c *call) leave(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.final:
		return c.err
	case !c.ran:
		c.left = true
		return classify(cause)
	case c.err != nil: // refused, so undone, but perhaps for a row that will not be kept
		return classify(cause)
	}
	return fmt.Errorf("%w: while it was being committed: %w", ErrOutcomeUnknown, cause)
}

func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case first := <-w.calls:
			began := time.Now()
			group, err := w.run(first)
			w.commit(group, err, began)
		case <-w.stopping:
			return
		}
	}
}

// run executes first and all who wait behind it in one transaction, and returns them with the error that
// ended the transaction, if one did.
func (w *writer) run(first *call) (group []*call, err error) {
	if err := w.failure(); err != nil {
		return []*call{first}, err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return []*call{first}, fmt.Errorf("%w: begin: %w", ErrUnavailable, err)
	}
	w.unkept = false
	for c := first; c != nil; c = w.next(len(group)) {
		group = append(group, c)
		if err := w.runOne(c); err != nil {
			return group, err
		}
	}
	return group, nil
}

// next returns a caller that waits, or nil.
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

// runOne runs the statements of one caller so that their failure leaves no trace. The error it returns is
// not that failure but the loss of the whole transaction, which SQLite rolls back by itself when, say, the
// disk is full (https://www.sqlite.org/lang_transaction.html).
func (w *writer) runOne(c *call) error {
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
	c.err = c.try(w.tx)
	if isCorruption(c.err) {
		w.fail(c.err)
	}
	if c.err == nil {
		w.unkept = true
	}
	c.final = !w.unkept // it failed, and has seen no rows but its own and those on disk
	if err := w.settle(c); err != nil {
		// As text: to the others in the group the caller's error must not be what theirs is.
		return fmt.Errorf("%w: the transaction was rolled back: %v (after: %v)", ErrUnavailable, err, c.err) //nolint:errorlint // see above
	}
	return nil
}

// settle keeps what a caller's statements did, or undoes it if one failed.
func (w *writer) settle(c *call) error {
	switch {
	case c.err != nil && !w.conn.inTransaction():
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

// isUndone reports whether nothing is left of a single statement that failed with err. SQLite keeps what it needs to undo
// one that a constraint stops (https://www.sqlite.org/lang_conflict.html, ABORT), but not always for other failures, such
// as a value of the wrong type for a STRICT table.
func isUndone(err error) bool {
	e, ok := errors.AsType[*sqliteError](err)
	if !ok || !e.ran {
		return true
	}
	switch e.code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_NOTNULL,
		sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return true
	}
	return false
}

// try runs fn and keeps its panic for the caller's goroutine.
func (c *call) try(tx *Tx) (err error) {
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			err = fmt.Errorf("panic: %v", c.panicked)
		}
	}()
	return c.fn(tx)
}

// commit ends the transaction of a group, which began at a time, and tells its members.
func (w *writer) commit(group []*call, err error, began time.Time) {
	if err == nil {
		if err = w.exec("COMMIT"); err != nil {
			w.check(err)
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
	w.stalled.Store(err != nil)
	if err != nil {
		_ = w.exec("ROLLBACK") // SQLite may have done it already
	}
	w.groups.Add(1)
	w.writes.Add(int64(len(group)))
	if w.committed != nil {
		w.committed(len(group), time.Since(began))
	}
	for _, c := range group {
		c.finish(err)
	}
}

// finish tells a caller what became of its group. The caller's own error stands if the group was kept. If it was lost,
// that error may be due to a row that nobody has, such as the name that another member of the group took, and the loss
// is the answer instead.
func (c *call) finish(lost error) {
	c.mu.Lock()
	if lost != nil && !c.final {
		c.err = lost
	}
	c.final = true
	c.mu.Unlock()
	close(c.done)
}

// check stops all writing after a failed commit that leaves the file in doubt. After a failed fsync the
// kernel may drop the pages and report success the next time, so that nothing could be acknowledged
// honestly any more; opening the file anew reads what is really there. A disk without room for the log, or for
// the index of it (SHMSIZE), is no such doubt: the next commit writes over what came of this one.
func (w *writer) check(commit error) {
	if code, ok := sqliteCode(commit); ok {
		switch {
		case code&0xff == sqlite3.SQLITE_FULL, code&0xff == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_IOERR_SHMSIZE:
			return
		}
	}
	w.fail(fmt.Errorf("a commit failed: %w", commit))
}

// fail refuses all writing from now on because of cause.
func (w *writer) fail(cause error) {
	err := fmt.Errorf("%w: no more writes until a restart: %w", ErrUnavailable, cause)
	w.broken.CompareAndSwap(nil, &err)
}

// failure returns why nothing may be written any more, or nil.
func (w *writer) failure() error {
	if err := w.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *writer) exec(statement string) error {
	_, err := w.conn.run(statement, nil, nil)
	return err
}

// stop lets the running group end and refuses all that come after it.
func (w *writer) stop() {
	w.once.Do(func() { close(w.stopping) })
	<-w.stopped
}
