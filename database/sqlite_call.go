package database

import (
	"database/sql"
	"fmt"
	"sync"

	"userorder/database/sqlite"
)

// call is one call of write.
type call struct {
	fn     func(*Tx) error
	single bool          // fn runs one statement
	done   chan struct{} // closed by finish

	mu       sync.Mutex // held while fn runs
	left     bool       // the caller has returned: fn must not run
	ran      bool
	final    bool // the fate of the group no longer changes err
	err      error
	panicked any
}

// callFn calls fn and keeps its panic for the caller's goroutine.
func (c *call) callFn(tx *Tx) (err error) {
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			err = fmt.Errorf("panic: %v", c.panicked)
		}
	}()
	return c.fn(tx)
}

// leave returns the answer for a caller that gives up waiting because of cause. It blocks while fn is running, so that
// fn never outlives the caller.
func (c *call) leave(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.final:
		return c.err
	case !c.ran:
		c.left = true
		return classify(cause)
	case c.err != nil: // undone, but its error may be due to a row that will not be kept
		return classify(cause)
	}
	return fmt.Errorf("%w: while it was being committed: %w", ErrOutcomeUnknown, cause)
}

// finish answers the caller. Its own error stands if the group was kept. If the group was lost, that error may be due to
// a row that no longer exists, such as a user name taken by another member of the group, so lost replaces it.
func (c *call) finish(lost error) {
	c.mu.Lock()
	if lost != nil && !c.final {
		c.err = lost
	}
	c.final = true
	c.mu.Unlock()
	close(c.done)
}

// sqliteTx runs the statements of a group's members.
type sqliteTx struct {
	conn *sqlite.Conn
}

func (t sqliteTx) run(query string, args, dest []any) (rows int64, err error) {
	return t.conn.Run(query, args, dest)
}

// insert asks SQLite for the key: RETURNING would cost a temporary table, a fifth of the time of an INSERT.
func (t sqliteTx) insert(query string, args []any) (id int64, err error) {
	switch rows, err := t.conn.Run(query, args, nil); {
	case isKeyViolation(err):
		return 0, fmt.Errorf("%w: %w", errKeyTaken, err)
	case err != nil:
		return 0, err
	case rows == 0: // the last key is another statement's
		return 0, sql.ErrNoRows
	}
	return t.conn.LastInsertID(), nil
}

func (t sqliteTx) each(query string, args []any, row rowFunc) error {
	return t.conn.Each(query, args, row)
}
