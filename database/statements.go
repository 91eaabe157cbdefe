package database

import (
	"context"
	"database/sql"
	"sync"
)

// preparer is a *sql.DB, whose statements follow its connections, or one *sql.Conn.
type preparer interface {
	runner
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements runs SQL on SQLite and prepares each text once. The texts are the stores' constants, so
// there are few of them and none is ever dropped. (pgx does the same for PostgreSQL by itself.)
type statements struct {
	preparer preparer
	byText   sync.Map // string → *sql.Stmt
}

func (s *statements) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.byText.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := s.preparer.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if first, loaded := s.byText.LoadOrStore(query, stmt); loaded {
		_ = stmt.Close()
		return first.(*sql.Stmt), nil
	}
	return stmt, nil
}

func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		// A *sql.Row with an error can only come from database/sql: let it meet the same one.
		return s.preparer.QueryRowContext(ctx, query, args...)
	}
	return stmt.QueryRowContext(ctx, args...)
}

// close must come before the connection is closed: SQLite keeps one open as long as it has statements, and
// database/sql does not close those of a *sql.Conn with it.
func (s *statements) close() {
	s.byText.Range(func(_, stmt any) bool {
		_ = stmt.(*sql.Stmt).Close()
		return true
	})
}
