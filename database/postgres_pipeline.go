package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// setBounds keeps a group from waiting for one of its members, which has to run alone afterwards. The bounds end with the
// transaction, as a pooler requires.
const setBounds = "SELECT set_config('lock_timeout', '20ms', true), set_config('statement_timeout', '100ms', true)"

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
	began := time.Now()
	lost := p.pipeline(group)
	p.committed(len(group), time.Since(began))
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
func (p *postgresServer) pipeline(group []*statement) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := p.conns.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer conn.Release()
	var batch pgx.Batch
	batch.Queue(setBounds)
	members := make([]*statement, 0, len(group))
	for _, s := range group {
		if s.begin() {
			members = append(members, s)
			batch.Queue(s.text, s.args...)
		}
	}
	if len(members) == 0 {
		return nil
	}
	results := conn.SendBatch(ctx, &batch)
	idle := !conn.Conn().PgConn().IsBusy() && !conn.Conn().IsClosed() // pgx has refused an argument
	readResults(results, conn.Conn().TypeMap(), members)
	err = results.Close()
	if isLost(err) {
		p.conns.Reset()
	}
	_, unprepared := errors.AsType[pgx.ErrPreprocessingBatch](err)
	if err != nil && (idle || unprepared || pgconn.SafeToRetry(err)) {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return err
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
		if err := pgx.ScanRow(types, rows.FieldDescriptions(), rows.RawValues(), s.dest...); err != nil {
			s.err = fmt.Errorf("%w: %w", errUnread, err)
		}
	}
	rows.Close()
	s.rows = rows.CommandTag().RowsAffected()
}
