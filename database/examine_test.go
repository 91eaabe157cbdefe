package database_test

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// openReadOnly opens a database as Examine requires it.
func openReadOnly(t *testing.T, url string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// fill makes a table of some hundred pages.
func fill(t *testing.T, db *database.DB) {
	t.Helper()
	_, err := db.Exec(t.Context(), "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
	require.NoError(t, err)
	for n := range 300 {
		_, err := db.Exec(t.Context(), "INSERT INTO notes VALUES ($1, $2)", n, strings.Repeat("x", 3000))
		require.NoError(t, err)
	}
}

// contents returns a digest of each file in a folder but the index of a log, which holds nothing that its log does not.
func contents(t *testing.T, folder string) map[string][32]byte {
	t.Helper()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	digests := map[string][32]byte{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), "-shm") {
			text, err := os.ReadFile(filepath.Join(folder, file.Name()))
			require.NoError(t, err)
			digests[file.Name()] = sha256.Sum256(text)
		}
	}
	return digests
}

func TestExaminingASQLiteFileChangesNothing(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	db := databasetest.Open(t, url)
	fill(t, db)
	path := strings.TrimPrefix(url, "sqlite:")
	crashed := t.TempDir() // as a service leaves it that was killed
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, text)
		require.NoError(t, os.WriteFile(filepath.Join(crashed, "app.db"+suffix), text, 0o600))
	}
	examine := func(url string) {
		folder := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
		before := contents(t, folder)
		db, err := database.Open(t.Context(), url, database.Options{ReadOnly: true})
		require.NoError(t, err)
		var rows int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&rows))
		require.Equal(t, 300, rows)
		damage, complete, err := db.Verify(t.Context())
		require.NoError(t, err)
		require.True(t, complete)
		require.Empty(t, damage)
		c, err := db.Examine(t.Context())
		require.NoError(t, err)
		require.Equal(t, "SQLite", c.Engine)
		require.NotZero(t, c.Free)
		_, err = db.Exec(t.Context(), "DELETE FROM notes")
		require.ErrorContains(t, err, "a write to a database opened with ReadOnly")
		require.NoError(t, db.Close())
		require.Equal(t, before, contents(t, folder))
	}
	examine(url)
	examine("sqlite:" + filepath.Join(crashed, "app.db"))
	require.NoError(t, db.Close())
	examine(url)
	require.NoFileExists(t, path+"-wal")
	require.NoFileExists(t, path+"-shm")
}

// closedFile returns the URL of a file with rows that nobody has open.
func closedFile(t *testing.T) (url string) {
	url = databasetest.SQLite(t)
	db, err := database.Open(t.Context(), url, database.Options{})
	require.NoError(t, err)
	fill(t, db)
	require.NoError(t, db.Close())
	return url
}

func TestVerifyFindsADamagedPage(t *testing.T) {
	t.Parallel()
	url := closedFile(t)
	file, err := os.OpenFile(strings.TrimPrefix(url, "sqlite:"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("damage", 600)), 100*4096)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	damage, complete, err := openReadOnly(t, url).Verify(t.Context())
	require.NoError(t, err)
	require.True(t, complete)
	require.Len(t, damage, 1)
	require.Contains(t, damage[0].Remedy, "restore a backup")
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	fill(t, databasetest.Open(t, url))
	db := openReadOnly(t, url)
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	damage, complete, err := db.Verify(over)
	require.NoError(t, err)
	require.False(t, complete)
	require.Empty(t, damage)
}

func TestVerifyFindsAnInvalidIndexOnPostgreSQL(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	fill(t, db)
	examined := openReadOnly(t, url)
	damage, complete, err := examined.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, complete)
	require.Empty(t, damage)
	_, err = db.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY broken ON notes (text)")
	require.Error(t, err) // and leaves an index that is not used
	damage, _, err = examined.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, damage, 1)
	require.Equal(t, "indexes that are not valid: broken", damage[0].Found)

	c, err := examined.Examine(t.Context())
	require.NoError(t, err)
	require.Equal(t, "PostgreSQL", c.Engine)
	require.GreaterOrEqual(t, c.Major, 12)
	require.Regexp(t, `^UTF8, collation \S+$`, c.Text)
	require.Positive(t, c.Size)
	require.Zero(t, c.Ahead)
	require.False(t, c.Recollated)
}

func TestExplainTakesTheRemedyOutOfAnError(t *testing.T) {
	t.Parallel()
	_, err := database.Open(t.Context(), "postgres://me:hunter2@127.0.0.1:1/db", database.Options{ReadOnly: true})
	fault, remedy := database.Explain(err)
	require.Regexp(t, `^open postgres://me@127.0.0.1:1/db: .*refused$`, fault)
	require.Equal(t, "check that the server runs, and that the URL leads to it", remedy)
	foreign := filepath.Join(t.TempDir(), "app.db")
	require.NoError(t, os.WriteFile(foreign, []byte(strings.Repeat("no database ", 100)), 0o600))
	_, err = database.Open(t.Context(), "sqlite:"+foreign, database.Options{ReadOnly: true})
	fault, remedy = database.Explain(err)
	require.Contains(t, fault, "it is not a database of this program (")
	require.Equal(t, "restore a backup if it was one, or name another path", remedy)
	_, remedy = database.Explain(os.ErrInvalid)
	require.Empty(t, remedy)
}

func TestExaminingAFileThatNobodyHasOpenMakesNothingBesideIt(t *testing.T) {
	t.Parallel()
	url := closedFile(t)
	path := strings.TrimPrefix(url, "sqlite:")
	require.NoError(t, os.Symlink("no/such/folder", path+"-shm")) // it cannot be made, as on a full disk
	before := contents(t, filepath.Dir(path))
	examined, err := database.Open(t.Context(), url, database.Options{ReadOnly: true})
	require.NoError(t, err)
	damage, complete, err := examined.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, complete)
	require.Empty(t, damage)
	c, err := examined.Examine(t.Context())
	require.NoError(t, err)
	require.Positive(t, c.Free)
	require.NoError(t, examined.Close())
	require.Equal(t, before, contents(t, filepath.Dir(path)))
}

func TestVerifyFindsAnIndexWithoutTheRowsOfItsTable(t *testing.T) {
	t.Parallel()
	for made, want := range map[string]string{ // as what another index
		"(text) WHERE id > 10": "wrong # of entries in index notes_text",
		"(text || id)":         "row 1 missing from index notes_text", // as many
	} {
		url := databasetest.SQLite(t)
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		fill(t, db)
		_, err = db.Exec(t.Context(), "CREATE INDEX notes_text ON notes "+made)
		require.NoError(t, err)
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			_, err := tx.Exec("PRAGMA writable_schema = ON")
			if err == nil {
				_, err = tx.Exec("UPDATE sqlite_schema SET sql = 'CREATE INDEX notes_text ON notes (text)' WHERE name = 'notes_text'")
			}
			return err
		}))
		require.NoError(t, db.Close())

		damage, complete, err := openReadOnly(t, url).Verify(t.Context())
		require.NoError(t, err)
		require.True(t, complete)
		require.Equal(t, []database.Damage{{Found: want, Remedy: "stop the service and run REINDEX with sqlite3, or restore a backup"}}, damage)
		require.ErrorContains(t, database.Backup(t.Context(), url, filepath.Join(t.TempDir(), "backup.db")), want)
	}
}
