package database_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func versionOfNotes(t *testing.T, db *database.DB) (version int) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), "SELECT max(version_id) FROM goose_notes").Scan(&version))
	return version
}

func TestAStepRunsOnceAndInTheOrderOfItsVersion(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.Migrate(t.Context(), "notes", release()))
		require.NoError(t, insertNote(t.Context(), db, 1, "a"))
		runs := 0
		step := database.Step{Version: 3, Do: func(ctx context.Context, tx *database.StepTx) error {
			runs++
			tx.Log.Warn("nobody sees this")
			if err := tx.LockTable(ctx, "notes"); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "UPDATE notes SET author = $1", "step") // a column that file 2 adds
			return err
		}}
		for range 2 {
			require.NoError(t, db.Migrate(t.Context(), "notes", release(addColumn), step))
		}
		require.Equal(t, 1, runs)
		require.Equal(t, 3, versionOfNotes(t, db))
		var author string
		require.NoError(t, db.QueryRow(t.Context(), "SELECT author FROM notes").Scan(&author))
		require.Equal(t, "step", author)
		require.NoError(t, db.Migrate(t.Context(), "notes", release()), "an older program starts")
	})
}

func TestAStepThatFailsLeavesNothingBehind(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		require.NoError(t, db.Migrate(t.Context(), "notes", release()))
		failed := errors.New("no")
		step := database.Step{Version: 2, Do: func(ctx context.Context, tx *database.StepTx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO notes (id, body) VALUES (1, 'lost')")
			return errors.Join(err, failed)
		}}
		require.ErrorIs(t, db.Migrate(t.Context(), "notes", release(), step), failed)
		require.Equal(t, 1, versionOfNotes(t, db))
		require.NoError(t, insertNote(t.Context(), db, 1, "kept"))
		require.NoError(t, db.Close())
		require.ErrorContains(t, checkOnly(t, url).Migrate(t.Context(), "notes", release(), step), "is at version 1 and must be at 2")
	})
}

func TestAStepGivesUpATableThatIsLockedForLong(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db, beside := databasetest.Open(t, url), databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "notes", release()))
	locked, unlock := make(chan struct{}), make(chan struct{})
	go func() {
		_ = beside.Write(context.Background(), func(tx *database.Tx) error {
			_, err := tx.Exec("LOCK TABLE notes")
			close(locked)
			<-unlock
			return err
		})
	}()
	<-locked
	step := database.Step{Version: 2, Do: func(ctx context.Context, tx *database.StepTx) error { return tx.LockTable(ctx, "notes") }}
	err := db.Migrate(t.Context(), "notes", release(), step)
	close(unlock)
	require.ErrorContains(t, err, "lock timeout")
	require.NoError(t, db.Migrate(t.Context(), "notes", release(), step))
}
