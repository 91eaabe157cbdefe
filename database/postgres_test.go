package database_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// serializable opens a fresh PostgreSQL schema with one note, as a database that serializes strictly.
func serializable(t *testing.T) *database.DB {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t)+"&default_transaction_isolation=serializable")
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, insertNote(t.Context(), db, 1, "a"))
	return db
}

func rename(body string) func(*database.Tx) error {
	return func(tx *database.Tx) error {
		_, err := tx.Exec("UPDATE notes SET body = $1 WHERE id = 1", body)
		return err
	}
}

func TestATransactionThatLosesToAnotherIsRunAgain(t *testing.T) {
	db := serializable(t)
	attempts := 0
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		attempts++
		var body string
		if err := tx.QueryRow("SELECT body FROM notes WHERE id = 1").Scan(&body); err != nil {
			return err
		}
		if attempts == 1 {
			if err := db.Write(t.Context(), rename("b")); err != nil { // the other one, which wins
				return err
			}
		}
		return rename(body + "!")(tx)
	}))
	require.Equal(t, 2, attempts)
	var body string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = 1").Scan(&body))
	require.Equal(t, "b!", body)
}

func TestAFrozenTransactionIsEndedByTheServer(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	const query = "SELECT current_setting('idle_in_transaction_session_timeout')"
	var limit string
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error { return tx.QueryRow(query).Scan(&limit) }))
	require.Equal(t, "10s", limit)
	require.NoError(t, db.QueryRow(t.Context(), query).Scan(&limit))
	require.Equal(t, "0", limit, "behind a pooler the session is not ours")
}

func TestATransactionThatAlwaysLosesGivesUp(t *testing.T) {
	db := serializable(t)
	attempts := 0
	err := db.Write(t.Context(), func(tx *database.Tx) error {
		attempts++
		var body string
		if err := tx.QueryRow("SELECT body FROM notes WHERE id = 1").Scan(&body); err != nil {
			return err
		}
		if err := db.Write(t.Context(), rename(body+"b")); err != nil {
			return err
		}
		return rename("mine")(tx)
	})
	require.ErrorIs(t, err, database.ErrUnavailable)
	require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
	require.Equal(t, 10, attempts)
}

func TestACommitThatTheServerRefusesIsNotKeptAndNotUnknown(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	_, err := db.Exec(t.Context(), "CREATE TABLE comments (note BIGINT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")
	require.NoError(t, err)
	const orphan = "INSERT INTO comments (note) VALUES (404)" // which is noticed by the COMMIT
	_, alone := db.Exec(t.Context(), orphan)
	together := db.Write(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec(orphan)
		return err
	})
	for _, err := range []error{alone, together} {
		require.ErrorContains(t, err, "23503")
		require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, database.ErrUnavailable)
	}
}

func TestTwoTransactionsThatWaitForEachOtherBothSucceed(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, insertNote(t.Context(), db, 1, "a"))
	require.NoError(t, insertNote(t.Context(), db, 2, "b"))
	// Each locks its first note, waits until the other has done so, and wants the other's.
	locked := make(chan struct{}, 2)
	met := make(chan struct{})
	go func() { <-locked; <-locked; close(met) }()
	touch := func(first, second int64) error {
		return db.Write(t.Context(), func(tx *database.Tx) error {
			const query = "UPDATE notes SET body = body || '.' WHERE id = $1"
			if _, err := tx.Exec(query, first); err != nil {
				return err
			}
			select {
			case locked <- struct{}{}:
			default: // run again
			}
			<-met
			_, err := tx.Exec(query, second)
			return err
		})
	}
	other := make(chan error)
	go func() { other <- touch(2, 1) }()
	require.NoError(t, touch(1, 2))
	require.NoError(t, <-other)
	var body string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = 1").Scan(&body))
	require.Equal(t, "a..", body)
}

func TestNothingElseIsRunAgain(t *testing.T) {
	db := serializable(t)
	attempts := 0
	err := db.Write(t.Context(), func(tx *database.Tx) error {
		attempts++
		_, err := tx.Exec("INSERT INTO notes (id, body) VALUES (1, 'again')")
		return err
	})
	require.True(t, database.IsUniqueViolation(err))
	require.Equal(t, 1, attempts)
}

// hangingUp is a database whose server ends the connection in the middle of a commit that inserts a note.
func hangingUp(t *testing.T) *database.DB {
	db := serializable(t)
	for _, statement := range []string{
		`CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER hang_up AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION hang_up()`,
	} {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	return db
}

func TestAStatementWhoseConnectionIsLostIsNotTriedAgain(t *testing.T) {
	db := hangingUp(t)
	for range 3 {
		_, err := db.Exec(t.Context(), "INSERT INTO notes (id, body) VALUES (2, 'b')")
		require.ErrorIs(t, err, database.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, database.ErrUnavailable)
		var id int64
		err = db.ExecRow(t.Context(), "INSERT INTO notes (id, body) VALUES (3, 'c') RETURNING id").Scan(&id)
		require.ErrorIs(t, err, database.ErrOutcomeUnknown)
		require.NoError(t, db.Ping(t.Context()), "the pool still has the dead connection")
	}
}

func TestAStatementThatLosesToAnotherIsRunAgain(t *testing.T) {
	db := serializable(t)
	for _, statement := range []string{
		"CREATE SEQUENCE tries", // which no rollback sets back
		`CREATE FUNCTION lose_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') < 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
			RETURN NEW; END $$`,
		"CREATE TRIGGER lose_twice BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION lose_twice()",
	} {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	id, err := db.Insert(t.Context(), "INSERT INTO notes (id, body) VALUES (2, 'b')")
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
	require.Equal(t, 2, countNotes(t, db))
}

func TestAConnectionThatIsLostDuringCommitLeavesTheOutcomeUnknown(t *testing.T) {
	db := hangingUp(t)
	attempts := 0
	err := db.Write(t.Context(), func(tx *database.Tx) error {
		attempts++
		_, err := tx.Exec("INSERT INTO notes (id, body) VALUES (2, 'b')")
		return err
	})
	require.ErrorIs(t, err, database.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, database.ErrUnavailable)
	require.Equal(t, 1, attempts)
	require.NoError(t, db.Ping(t.Context()), "the pool still has the dead connection")
}

// killOthers ends the connections of everybody else to the schema's server that look idle, as a restart would.
const killOthers = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE pid <> pg_backend_pid() AND application_name = current_setting('application_name')`

func TestWhenAllConnectionsAreLostNobodyNotices(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t) + "&application_name=" + t.Name()
	db, other := databasetest.Open(t, url), databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	for id := range int64(10) {
		var hold sync.WaitGroup // fills the pool
		for range 5 {
			hold.Go(func() {
				var n int
				require.NoError(t, db.QueryRow(t.Context(), "SELECT 1 FROM pg_sleep(0.02)").Scan(&n))
			})
		}
		hold.Wait()
		var killed int
		require.NoError(t, other.QueryRow(t.Context(), killOthers).Scan(&killed))
		require.Positive(t, killed)
		if id%2 == 0 {
			require.Equal(t, int(id), countNotes(t, db))
		}
		require.NoError(t, insertNote(t.Context(), db, id, fmt.Sprint(id)))
	}
	require.Equal(t, 10, countNotes(t, db))
}

func TestATransactionThatLosesItsConnectionBeforeItsCommitIsRunAgain(t *testing.T) {
	db := serializable(t)
	attempts := 0
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		if _, err := tx.Exec("INSERT INTO notes (id, body) VALUES (2, 'b')"); err != nil {
			return err
		}
		if attempts++; attempts == 1 {
			_, err := tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		}
		return nil
	}))
	require.Equal(t, 2, attempts)
	require.Equal(t, 2, countNotes(t, db))
}

func TestAServerThatTakesNoWritesIsNotReady(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	_, err := database.Open(t.Context(), url+"&default_transaction_read_only=on", database.Options{})
	require.ErrorContains(t, err, "the server takes no writes")
}

func TestAPoolThatIsExhaustedGivesUpAndRecovers(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t)+"&pool_max_conns=1")
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	hold, held, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.Write(context.Background(), func(*database.Tx) error { // whose five seconds end with the test's
			close(held)
			<-hold
			return nil
		})
	}()
	<-held
	start := time.Now()
	results := make(chan error, 2)
	var n int
	go func() { results <- db.QueryRow(context.Background(), "SELECT 1").Scan(&n) }()
	go func() { results <- insertNote(context.Background(), db, 1, "never") }()
	for range 2 {
		require.ErrorIs(t, <-results, database.ErrUnavailable)
		require.InDelta(t, 5, time.Since(start).Seconds(), 1.5)
	}
	close(hold)
	<-ended
	require.Zero(t, countNotes(t, db))
}

func TestAQueryThatHangsInPostgresGivesUp(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	start := time.Now()
	var n int
	err := db.QueryRow(t.Context(), "SELECT 1 FROM pg_sleep(60)").Scan(&n)
	require.ErrorIs(t, err, database.ErrUnavailable)
	require.InDelta(t, 5, time.Since(start).Seconds(), 1.5)
	require.NoError(t, db.Ping(t.Context()))
}
