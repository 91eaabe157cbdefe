package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// setBounds keeps a group from waiting for one of its members, which has to run alone afterwards. The bounds end with the
// transaction, as a pooler requires. PostgreSQL counts each statement's time by itself.
const setBounds = "SELECT set_config('lock_timeout', '20ms', true), set_config('statement_timeout', $1, true)"

// statementTimeout leaves a group half a second, and each member 20 ms at least.
func statementTimeout(members int) string {
	return strconv.Itoa(max(20, 500/max(5, members))) + "ms"
}

// errNotSent means that the server has got none of a group's statements.
var errNotSent = errors.New("not sent")

// sendQueries runs queries together. If that fails, for whatever reason, each runs alone: no harm is done.
func (p *postgresServer) sendQueries(group []*statement) {
	var lost error
	if p.pipeline(group) != nil {
		lost = errAlone
	}
	for _, s := range group {
		s.end(lost)
	}
}

// sendWrites runs statements that write together. If the group is certainly not kept, each runs alone: then none sees the
// failure of another, nor a row of another that is no more.
func (p *postgresServer) sendWrites(group []*statement) {
	lost := p.pipeline(group)
	switch {
	case errors.Is(lost, errNotSent), isRefused(lost):
		lost = errAlone
	case lost != nil:
		lost = fmt.Errorf("%w: %w", ErrOutcomeUnknown, lost)
	}
	for _, s := range group {
		if lost == nil {
			s.err = outcomeOf(s.err)
		}
		s.end(lost)
	}
}

// pipeline sends the statements of all callers that still wait, with one Sync, which makes them one transaction
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
func (p *postgresServer) pipeline(group []*statement) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := p.conns.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer conn.Release() // which closes it if it is not idle
	members := make([]*statement, 0, len(group))
	for _, s := range group {
		if s.claim() {
			members = append(members, s)
		}
	}
	if len(members) == 0 {
		return nil
	}
	began := time.Now()
	results, err := send(ctx, conn.Conn(), members)
	if err != nil {
		return err
	}
	readResults(results, conn.Conn().TypeMap(), members)
	err = results.Close()
	if isLost(err) {
		p.conns.Reset()
	}
	if _, unprepared := errors.AsType[pgx.ErrPreprocessingBatch](err); unprepared || isUnsent(err) {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	if err == nil && !members[0].isQuery {
		p.committed(len(members), time.Since(began))
	}
	return err
}

// send sends a batch. It returns errNotSent if pgx refuses an argument of a member, or panics over one: alone, that member
// meets the same.
func send(ctx context.Context, conn *pgx.Conn, members []*statement) (results pgx.BatchResults, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: panic: %v", errNotSent, panicked)
		}
	}()
	var batch pgx.Batch
	batch.Queue(setBounds, statementTimeout(len(members)))
	for _, s := range members {
		batch.Queue(s.text, s.args...)
	}
	results = conn.SendBatch(ctx, &batch)
	if !conn.PgConn().IsBusy() && !conn.IsClosed() { // in the mode exec; in others pgx closes the connection, and says so
		return nil, fmt.Errorf("%w: %w", errNotSent, results.Close())
	}
	return results, nil
}

// readResults keeps the results of a batch for its members. The first error ends the batch, and is returned by its Close.
func readResults(results pgx.BatchResults, types *pgtype.Map, members []*statement) {
	if _, err := results.Exec(); err != nil { // setBounds
		return
	}
	for _, s := range members {
		rows, err := results.Query()
		if err != nil {
			return
		}
		s.read(rows, types)
	}
}

// read keeps the first row and the number of rows. It does without Scan of rows, whose failure would end the batch.
func (s *statement) read(rows pgx.Rows, types *pgtype.Map) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dest == nil || s.left:
	case !rows.Next():
		s.err = sql.ErrNoRows
	default:
		s.err = scanRow(rows, types, s.dest)
	}
	rows.Close()
	s.rows = rows.CommandTag().RowsAffected()
}

func scanRow(rows pgx.Rows, types *pgtype.Map, dest []any) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%w: panic: %v", errUnread, panicked)
		}
	}()
	if err := pgx.ScanRow(types, rows.FieldDescriptions(), rows.RawValues(), dest...); err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	return nil
}
