package database_test

import (
	"errors"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// release is the migrations of a release: those of notes and further ones, from version 2 on.
func release(further ...string) fstest.MapFS {
	files := fstest.MapFS{"migrations/0001_create_notes.sql": notes["migrations/0001_create_notes.sql"]}
	for i, text := range further {
		files["migrations/000"+string(rune('2'+i))+"_change.sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

const (
	addColumn  = "-- +goose Up\nALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT '';\n"
	addTable   = "-- This one is not breaking anything.\n-- +goose Up\nCREATE TABLE tags (name TEXT);\n"
	dropColumn = "-- +goose Up\n-- breaking: version 3 reads author\nALTER TABLE notes DROP COLUMN author;\n"
)

func checkOnly(t *testing.T, url string) *database.DB {
	db, err := database.Open(t.Context(), url, database.Options{CheckOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestAProgramMeetsANewerSchema(t *testing.T) {
	const refusal = "newer than this program, which knows "
	for _, test := range []struct {
		name            string
		newer, older    fstest.MapFS
		then            string // a statement between the two
		want            string // "" if the older program starts
		version, author int
	}{
		{"that only adds to what it knows: it starts", release(addColumn, addTable), release(), "", "", 3, 1},
		{"that breaks what it knows: it is refused", release(addColumn, addTable, dropColumn), release(addColumn, addTable), "",
			refusal + "3: start a newer one (it requires 4)", 4, 0},
		{"whose breaking change it knows: it starts", release(addColumn, dropColumn, addTable), release(addColumn, dropColumn), "", "", 4, 0},
		{"whose breaking change is not the last: it is refused", release(addColumn, dropColumn, addTable), release(addColumn), "",
			refusal + "2", 4, 0},
		{"of a release that marked nothing: it is refused", release(addColumn), release(), "DROP TABLE schema_compatibility", refusal + "1", 2, 1},
		{"of which another module alone is marked: it is refused", release(addColumn), release(),
			"UPDATE schema_compatibility SET module = 'tags'", refusal + "1", 2, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			databasetest.EachURL(t, func(t *testing.T, url string) {
				db := databasetest.Open(t, url)
				require.NoError(t, db.Migrate(t.Context(), "notes", test.newer))
				if test.then != "" {
					_, err := db.Exec(t.Context(), test.then)
					require.NoError(t, err)
				}
				requireStart := func(err error) {
					t.Helper()
					if test.want == "" {
						require.NoError(t, err)
						return
					}
					require.ErrorContains(t, err, test.want)
				}
				requireStart(db.Migrate(t.Context(), "notes", test.older))
				var version, columns int
				require.NoError(t, db.QueryRow(t.Context(), "SELECT max(version_id) FROM goose_notes").Scan(&version))
				require.Equal(t, test.version, version, "the schema was changed")
				if db.QueryRow(t.Context(), "SELECT count(author) FROM notes").Scan(&columns) == nil {
					columns = 1
				}
				require.Equal(t, test.author, columns)
				require.NoError(t, insertNote(t.Context(), db, 1, "of the older program"))
				require.NoError(t, db.Close())
				requireStart(checkOnly(t, url).Migrate(t.Context(), "notes", test.older))
			})
		})
	}
}

// withoutMark makes a database of a release from before compatibility was recorded.
func withoutMark(t *testing.T, db *database.DB, files fstest.MapFS) {
	require.NoError(t, db.Migrate(t.Context(), "notes", files))
	_, err := db.Exec(t.Context(), "DROP TABLE schema_compatibility")
	require.NoError(t, err)
}

func isMarked(t *testing.T, db *database.DB) bool {
	var required int
	err := db.QueryRow(t.Context(), "SELECT version FROM schema_compatibility WHERE module = 'notes'").Scan(&required)
	require.NotErrorIs(t, err, database.ErrUnavailable)
	return err == nil
}

func TestAnOlderDatabaseIsMarkedByItsFirstMigrate(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{"with nothing to apply": release(), "with a migration to apply": release(addColumn)} {
		t.Run(name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				withoutMark(t, db, release())
				require.NoError(t, db.Migrate(t.Context(), "notes", files))
				require.True(t, isMarked(t, db))
				require.NoError(t, db.Migrate(t.Context(), "notes", release(addColumn)))
				require.NoError(t, db.Migrate(t.Context(), "notes", release()))
			})
		})
	}
}

func TestCheckOnlyMarksNothing(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		withoutMark(t, db, release())
		require.NoError(t, db.Close())
		db = checkOnly(t, url)
		require.NoError(t, db.Migrate(t.Context(), "notes", release()))
		require.ErrorContains(t, db.Migrate(t.Context(), "notes", release(addColumn)), "run userorder migrate first")
		require.False(t, isMarked(t, db))
	})
}

func TestTheRequiredVersionIsNeverLowered(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.Migrate(t.Context(), "notes", release()))
		_, err := db.Exec(t.Context(), "UPDATE schema_compatibility SET version = 2") // as before the migration to a breaking 2
		require.NoError(t, err)
		require.NoError(t, db.Migrate(t.Context(), "notes", release()))
		var required int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT version FROM schema_compatibility").Scan(&required))
		require.Equal(t, 2, required)
	})
}

func TestReplicasOfTwoReleasesStartAtOnce(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "&default_transaction_isolation=serializable", "&default_query_exec_mode=exec"} {
		url := databasetest.Postgres(t) + options
		failures := make([]error, 12)
		var group sync.WaitGroup
		for i := range failures {
			db := databasetest.Open(t, url)
			files := release()
			if i%2 == 0 {
				files = release(addColumn)
			}
			module := []string{"notes", "others"}[i/2%2]
			if module == "others" {
				files = fstest.MapFS{"migrations/0001_create_tags.sql": {Data: []byte("-- +goose Up\nCREATE TABLE tags (name TEXT);\n")}}
			}
			group.Go(func() { failures[i] = db.Migrate(t.Context(), module, files) })
		}
		group.Wait()
		require.NoError(t, errors.Join(failures...))
		require.True(t, isMarked(t, databasetest.Open(t, url)))
	}
}

func TestARoleThatMayNotChangeAnUpToDateSchemaStarts(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	withoutMark(t, databasetest.Open(t, url), release())
	db, err := database.Open(t.Context(), url+"&default_transaction_read_only=on&target_session_attrs=any", database.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Migrate(t.Context(), "notes", release()))
	require.False(t, isMarked(t, db))
}
