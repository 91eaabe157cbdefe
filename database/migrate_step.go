package database

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// Step is a migration in Go, for what SQL cannot express. Its version is one that no file has.
type Step struct {
	Version int64
	Do      func(ctx context.Context, tx *StepTx) error
}

// StepTx is the transaction of a Step, which commits it together with its version. On PostgreSQL it is READ COMMITTED:
// each statement sees what other processes have committed before it.
type StepTx struct {
	*sql.Tx
	Log *slog.Logger // for what an operator has to know of the data

	dialect goose.Dialect
}

// LockTable keeps other processes from writing to a table until the end of the transaction. They may go on reading. It
// waits for four seconds at most, since whoever writes meanwhile waits behind it. On SQLite there is no other process.
func (tx *StepTx) LockTable(ctx context.Context, table string) error {
	if tx.dialect != goose.DialectPostgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '4s'"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// goose returns the step for its provider.
func (s Step) goose(dialect goose.Dialect, log *slog.Logger) *goose.Migration {
	run := func(ctx context.Context, tx *sql.Tx) error {
		if dialect == goose.DialectPostgres { // whatever the default of the role or the URL is
			if _, err := tx.ExecContext(ctx, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
				return err
			}
		}
		return s.Do(ctx, &StepTx{Tx: tx, Log: log, dialect: dialect})
	}
	return goose.NewGoMigration(s.Version, &goose.GoFunc{RunTx: run}, nil)
}
