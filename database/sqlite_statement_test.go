package database

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAConnectionRefusesWhatItCannotConvert(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	require.NoError(t, db.Write(t.Context(), insert("text")))
	var number int64
	var text string
	var flag bool
	for _, test := range []struct {
		name, query string
		args, dest  []any
		want        string
	}{
		{"too few arguments", "SELECT $1, $2", []any{1}, []any{&number, &number}, "1 arguments for 2 parameters"},
		{"too many arguments", "SELECT $1", []any{1, 2}, []any{&number}, "2 arguments for 1 parameters"},
		{"an argument that is left out", "SELECT $2", []any{1}, []any{&number}, "there is no argument for $2"},
		{"a parameter of another form", "SELECT ?", []any{1}, []any{&number}, "parameter \"\" is not of the form $1"},
		{"an argument of another type", "SELECT $1", []any{1.5}, []any{&number}, "cannot bind a float64"},
		{"too few destinations", "SELECT 1, 2", nil, []any{&number}, "2 columns for 1 destinations"},
		{"a text for a number", "SELECT body FROM notes", nil, []any{&number}, "column 1: a *int64 cannot hold"},
		{"a number for a text", "SELECT 1", nil, []any{&text}, "column 1: a *string cannot hold"},
		{"nothing for a number", "SELECT NULL", nil, []any{&number}, "column 1: a *int64 cannot hold"},
		{"a destination of another type", "SELECT 1", nil, []any{&flag}, "column 1: a *bool cannot hold"},
		{"a fraction for a Scanner", "SELECT 1.5", nil, []any{&sql.NullInt64{}}, "column 1: a *sql.NullInt64 cannot hold"},
		{"two statements", "SELECT 1; SELECT 2", nil, []any{&number}, "more than one statement"},
		{"no SQL", "SELEKT", nil, []any{&number}, `near "SELEKT": syntax error`},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.ErrorContains(t, db.QueryRow(t.Context(), test.query, test.args...).Scan(test.dest...), test.want)
		})
	}
	require.NoError(t, db.QueryRow(t.Context(), "SELECT body FROM notes").Scan(&text), "the connection is unharmed")
	require.Equal(t, "text", text)
	require.ErrorIs(t, db.QueryRow(t.Context(), "SELECT 1 WHERE false").Scan(&number), sql.ErrNoRows)
}

func TestAQueryIsNotInterruptedForTheTimeOfTheOneBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, file, _ := openFile(t)
		require.NoError(t, db.Write(t.Context(), insert("a")))
		c, _, err := file.readers.take(t.Context())
		require.NoError(t, err)
		defer file.readers.give(c)
		var n int
		require.NoError(t, c.queryRow(timeout, "SELECT count(*) FROM notes", nil, []any{&n}))
		require.True(t, c.armed)
		c.expire() // as the timer does when nothing runs
		require.False(t, c.armed)
		require.NoError(t, c.queryRow(timeout, "SELECT count(*) FROM notes", nil, []any{&n}))
		require.True(t, c.armed, "the next query has no timer")
	})
}

func TestReadersCloseWhileQueriesCome(t *testing.T) {
	t.Parallel()
	for range 50 {
		db, _, _ := openFile(t)
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for {
					var n int
					if err := db.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
						if !errors.Is(err, ErrUnavailable) {
							t.Errorf("a closed database says %v", err)
						}
						return
					}
				}
			})
		}
		time.Sleep(time.Millisecond)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		group.Wait()
	}
}

// TestWhatAStatementHasHalfDoneIsNotKept: SQLite undoes a statement that a constraint stops, but not always one that
// fails in another way.
func TestWhatAStatementHasHalfDoneIsNotKept(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	_, err := db.Exec(t.Context(), "CREATE TABLE strict (a INTEGER) STRICT")
	require.NoError(t, err)
	for _, statement := range []string{
		"INSERT INTO strict VALUES (1), ('x')",
		"INSERT INTO strict SELECT abs(value) FROM (SELECT 1 AS value UNION ALL SELECT -9223372036854775807 - 1)", // overflows
	} {
		_, err = db.Exec(t.Context(), statement)
		require.Error(t, err, statement)
		require.NotErrorIs(t, err, ErrOutcomeUnknown, statement)
		var rows int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM strict").Scan(&rows))
		require.Zero(t, rows, statement)
	}
	require.NoError(t, db.Ping(t.Context()))
	_, err = db.Exec(t.Context(), "INSERT INTO strict VALUES (1)")
	require.NoError(t, err)
}

func TestOneStatementThatFailsDoesNoHarmToItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, seen := openFile(t)
		groups := seen.groups.Load()
		release := busy(t, db)
		results := make(chan error, 50)
		for i := range 50 {
			go func() {
				_, err := db.Exec(t.Context(), "INSERT INTO notes (body) VALUES ($1)", string(rune('a'+i%49))) // two are the same
				results <- err
			}()
		}
		synctest.Wait()
		require.NoError(t, release())
		failed := 0
		for range 50 {
			if err := <-results; err != nil {
				require.True(t, IsUniqueViolation(err), err)
				failed++
			}
		}
		require.Equal(t, 1, failed)
		require.Equal(t, 49, count(t, db))
		require.EqualValues(t, 1, seen.groups.Load()-groups)
	})
}
