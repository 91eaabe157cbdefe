package database_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

var taskTable = []database.Table{{Name: "tasks", Columns: []string{"id", "name", "done"}, Identity: true}}

// eachSequence runs test on PostgreSQL, once for each way to send statements, with ten tasks.
func eachSequence(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Parallel()
	for _, options := range []string{"", "&default_transaction_isolation=serializable", "&default_query_exec_mode=exec", "&pool_max_conns=1"} {
		t.Run("postgres"+options, func(t *testing.T) {
			t.Parallel()
			db := databasetest.Open(t, databasetest.Postgres(t)+options)
			require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
			for i := range 10 {
				_, err := insertTask(t.Context(), db, fmt.Sprint(i))
				require.NoError(t, err)
			}
			test(t, db)
		})
	}
}

func execute(t *testing.T, db *database.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestASequenceBehindItsTableIsFound(t *testing.T) {
	for _, test := range []struct {
		name, statement string
		next            int // 0 if the sequence is not behind
	}{
		{"as it is", "", 0},
		{"set to its start", "SELECT setval('tasks_id_seq', 1)", 2},
		{"restarted", "ALTER TABLE tasks ALTER COLUMN id RESTART", 1},
		{"set to the last row but one", "SELECT setval('tasks_id_seq', 9)", 10},
		{"set to the last row, which is not used yet", "SELECT setval('tasks_id_seq', 10, false)", 10},
		{"set to the last row", "SELECT setval('tasks_id_seq', 10)", 0},
		{"set to the row after it, which is not used yet", "SELECT setval('tasks_id_seq', 11, false)", 0},
		{"with a row far ahead", "INSERT INTO tasks (id, name) VALUES (1000, 'far')", 11},
		{"one of several servers that generate keys", "ALTER TABLE tasks ALTER COLUMN id SET INCREMENT BY 2 RESTART", 0},
		{"without rows", "TRUNCATE tasks RESTART IDENTITY", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachSequence(t, func(t *testing.T, db *database.DB) {
				if test.statement != "" {
					execute(t, db, test.statement)
				}
				err := db.RequireNewKeys(t.Context(), taskTable)
				if test.next == 0 {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, fmt.Sprintf("the next id of tasks would be %d, but 10", test.next))
				require.Regexp(t, `: run SELECT setval\('\w+\.tasks_id_seq', \(SELECT max\(id\) FROM \w+\.tasks\)\)`, err.Error())
				execute(t, db, "SELECT setval('tasks_id_seq', (SELECT max(id) FROM tasks))")
				require.NoError(t, db.RequireNewKeys(t.Context(), taskTable))
				_, err = insertTask(t.Context(), db, "next")
				require.NoError(t, err)
			})
		})
	}
}

func TestAGeneratedKeyThatIsTakenIsNoUniqueViolation(t *testing.T) {
	for name, statements := range map[string][]string{
		"as it was made":          nil,
		"with another name":       {"ALTER TABLE tasks RENAME CONSTRAINT tasks_pkey TO tasks_name_key2"},
		"in a renamed sequence":   {"ALTER SEQUENCE tasks_id_seq RENAME TO tasks_name_key3"},
		"in an index of its own":  {"ALTER TABLE tasks DROP CONSTRAINT tasks_pkey", `CREATE UNIQUE INDEX "An Index" ON tasks (id)`},
		"with a default of a row": {"ALTER TABLE tasks ALTER COLUMN id DROP IDENTITY", "CREATE SEQUENCE loose", "ALTER TABLE tasks ALTER COLUMN id SET DEFAULT nextval('loose')"},
		"in another language":     {"SET lc_messages = 'C'"},
	} {
		t.Run(name, func(t *testing.T) {
			eachSequence(t, func(t *testing.T, db *database.DB) {
				execute(t, db, statements...)
				if name != "with a default of a row" {
					execute(t, db, "ALTER TABLE tasks ALTER COLUMN id RESTART")
				}
				requireKeyTaken := func(err error) {
					t.Helper()
					require.ErrorContains(t, err, "a generated key is taken")
					require.False(t, database.IsUniqueViolation(err))
					require.NotErrorIs(t, err, database.ErrUnavailable)
					require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
				}
				for i := range 4 {
					_, err := insertTask(t.Context(), db, fmt.Sprint("new", i))
					requireKeyTaken(err)
					if name == "as it was made" {
						require.Regexp(t, `: run SELECT setval\('\w+\.tasks_id_seq', \(SELECT max\(id\) FROM \w+\.tasks\)\)`, err.Error())
					}
				}
				requireKeyTaken(db.Write(t.Context(), func(tx *database.Tx) error {
					_, err := tx.Insert("INSERT INTO tasks (name) VALUES ('joined')")
					return err
				}))
				for range 5 {
					_, _ = insertTask(t.Context(), db, "0") // moves the sequence on
				}
				_, err := insertTask(t.Context(), db, "0")
				require.True(t, database.IsUniqueViolation(err), "the name is taken: %v", err)
				require.True(t, database.IsUniqueViolation(db.Write(t.Context(), func(tx *database.Tx) error {
					_, err := tx.Insert("INSERT INTO tasks (name) VALUES ('0')")
					return err
				})))
				_, err = db.Exec(t.Context(), "INSERT INTO tasks (id, name) VALUES (1, 'by hand')")
				require.True(t, database.IsUniqueViolation(err), "the key is the statement's own: %v", err)
			})
		})
	}
}

func TestInATransactionThatHoldsTheOnlyConnectionAKeyThatIsTakenIsAnErrorAllTheSame(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t)+"&pool_max_conns=1")
	require.NoError(t, db.Migrate(t.Context(), "tasks", tasks))
	execute(t, db, "INSERT INTO tasks (id, name) VALUES (1, 'a')")
	failed := errors.New("fn has failed")
	require.ErrorIs(t, db.Write(t.Context(), func(tx *database.Tx) error {
		if _, err := tx.Insert("INSERT INTO tasks (name) VALUES ('b')"); err != nil {
			return failed
		}
		return nil
	}), failed)
}
