package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxTries is the number of tries of an operation that may be retried, and maxRaces that of one that loses to other
// transactions, which many at once do where transactions are serializable.
const maxTries, maxRaces = 3, 10

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

// isNotKept reports that nothing was kept, by a failure that a retry may cure.
func isNotKept(err error) bool {
	return !errors.Is(err, ErrOutcomeUnknown) && (lostToAnother(err) || isLost(err))
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

// outcomeOf returns an error that wraps ErrOutcomeUnknown unless the statement was refused or certainly never sent.
func outcomeOf(err error) error {
	notSent := errors.Is(err, errMisuse) && !errors.Is(err, errUnread) || isUnsent(err)
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

// isUnsent reports that pgx has sent nothing. Its "conn closed" does not say so: it may hide the loss of the connection while
// pgx waited for the first of several results.
func isUnsent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}
