// Package event keeps what has happened in append-only logs, one table a module. An event is written in the transaction
// of what it tells of, so neither is ever there without the other. The package must not know what the events mean.
//
// The table of a log has the columns of migrations such as user's 0008: id, which the database generates, type, subject,
// actor, address and at. Its indexes are on (subject, id), and on actor for rows whose actor is not the subject.
package event

import (
	"context"
	"fmt"
	"math"
	"time"

	"userorder/database"
	"userorder/httpapi"
)

// Event is something that has happened to its subject.
type Event struct {
	ID      int64             `json:"id,string"` // given by the database
	Type    string            `json:"type"`
	Subject int64             `json:"-"`                       // what it has happened to
	Actor   int64             `json:"userid,string,omitempty"` // the account that has done it, 0 for the system or a stranger
	Address string            `json:"address,omitempty"`       // of the client
	At      httpapi.Timestamp `json:"at"`
}

// Log is the log in one table.
type Log struct {
	insert, page, sweep, last, forget, forgetActor string
}

// NewLog returns the log in a table.
func NewLog(table string) *Log {
	return &Log{
		insert: `INSERT INTO ` + table + ` (type, subject, actor, address, at) SELECT
			CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT) WHERE $2 > 0`,
		page: `SELECT id, type, subject, actor, address, at FROM ` + table + `
			WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3`,
		sweep: `DELETE FROM ` + table + ` WHERE at < $1 AND id <=
			(SELECT max(id) FROM (SELECT id FROM ` + table + ` ORDER BY id LIMIT $2) AS piece)`,
		last: `SELECT coalesce(max(id), 0) FROM
			(SELECT id FROM ` + table + ` WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3) AS piece`,
		forget:      `UPDATE ` + table + ` SET address = '' WHERE subject = $1 AND id > $2 AND id <= $3 AND address <> ''`,
		forgetActor: `UPDATE ` + table + ` SET address = '' WHERE actor = $1 AND actor <> subject AND address <> ''`,
	}
}

// Append adds an event to the log. One without a subject is not kept, but costs the same: whether an account has a name
// must not show in the time that an answer takes.
func (l *Log) Append(tx *database.Tx, e Event) error {
	if _, err := tx.Exec(l.insert, e.Type, e.Subject, e.Actor, e.Address, e.At.UnixMilli()); err != nil {
		return fmt.Errorf("insert event: %w", err)
	}
	return nil
}

// Page returns up to limit events of a subject that follow the event with the id after, the oldest first. Limit is at
// most 1,000.
func (l *Log) Page(ctx context.Context, db *database.DB, subject, after int64, limit int) ([]Event, error) {
	events, err := database.Collect(ctx, db, read, l.page, subject, after, limit)
	if err != nil {
		return nil, fmt.Errorf("select events: %w", err)
	}
	return events, nil
}

func read(row *database.Row) (e Event, err error) {
	var at int64
	err = row.Scan(&e.ID, &e.Type, &e.Subject, &e.Actor, &e.Address, &at)
	e.At = httpapi.TimestampOf(at)
	return e, err
}

// sweepSize is the number of rows that Sweep deletes at once. On SQLite other writes wait for them, some 3 ms.
const sweepSize = 200

// Sweep deletes some of the oldest events if they were before a time, and reports whether there may be more. Ids follow
// the time closely enough, so it need not look at the whole table.
func (l *Log) Sweep(ctx context.Context, db *database.DB, before time.Time) (more bool, err error) {
	rows, err := db.Exec(ctx, l.sweep, before.UnixMilli(), sweepSize)
	if err != nil {
		return false, fmt.Errorf("delete expired events: %w", err)
	}
	return rows == sweepSize, nil
}

// forgetSize is the number of events whose addresses Forget removes at once. On SQLite other writes wait for them.
const forgetSize = 1000

// Forget removes the addresses of an account that is about to be erased from its events, some in each of any number of
// transactions, and returns the id of the last one. ForgetRest then has little left to do.
func (l *Log) Forget(ctx context.Context, db *database.DB, account int64) (last int64, err error) {
	for {
		var to int64
		if err := db.QueryRow(ctx, l.last, account, last, forgetSize).Scan(&to); err != nil {
			return 0, fmt.Errorf("select events: %w", err)
		}
		if to == 0 {
			return last, nil
		}
		if _, err := db.Exec(ctx, l.forget, account, last, to); err != nil {
			return 0, fmt.Errorf("remove addresses from events: %w", err)
		}
		last = to
	}
}

// ForgetRest removes the addresses of an account that is erased from its events of which the ids are greater than after,
// and from those of others that it was the actor of.
func (l *Log) ForgetRest(tx *database.Tx, account, after int64) error {
	_, err := tx.Exec(l.forget, account, after, int64(math.MaxInt64))
	if err == nil {
		_, err = tx.Exec(l.forgetActor, account)
	}
	if err != nil {
		return fmt.Errorf("remove addresses from events: %w", err)
	}
	return nil
}
