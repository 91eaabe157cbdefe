package database_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// at is a time on 26 November 2026.
func at(hour int) time.Time { return time.Date(2026, 11, 26, hour, 15, 0, 999, time.UTC) }

// filledDB returns an open database with a note, called app.db, and its backups in an empty folder.
func filledDB(t *testing.T) (db *database.DB, path, folder string, backups database.BackupFolder) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.db")
	db = databasetest.Open(t, "sqlite:"+path)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, insertNote(t.Context(), db, 1, "text"))
	folder = t.TempDir()
	return db, path, folder, database.NewBackupFolder(folder, "sqlite:"+path)
}

// files returns the names of the files in a folder.
func files(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestBackupsAreNamedByTheirTimeAndTheOldestGoFirst(t *testing.T) {
	t.Parallel()
	db, _, folder, backups := filledDB(t)
	var last database.StoredBackup
	for _, hour := range []int{9, 3, 12, 6} { // in any order
		made, err := backups.Add(t.Context(), db, at(hour).In(time.FixedZone("Beijing", 8*3600)))
		require.NoError(t, err)
		require.Positive(t, made.Size)
		last = made
	}
	require.Equal(t, filepath.Join(folder, "app-20261126T061500Z.db"), last.Path)
	list, err := backups.List()
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Equal(t, last, list[1])
	restored := databasetest.Open(t, "sqlite:"+last.Path)
	require.Equal(t, 1, countNotes(t, restored))
	require.NoError(t, restored.Close())

	require.NoError(t, os.WriteFile(filepath.Join(folder, "app-20261126T031500Z.db-wal"), nil, 0o600)) // of sqlite3, say
	require.NoError(t, backups.Prune(4, last))
	require.Len(t, files(t, folder), 4+2) // and the lock of the one that was opened
	require.NoError(t, backups.Prune(3, list[3]))
	later := []string{"app-20261126T091500Z.db", "app-20261126T121500Z.db"}
	require.Equal(t, append([]string{"app-20261126T061500Z.db", "app-20261126T061500Z.db-lock"}, later...), files(t, folder))
	require.NoError(t, backups.Prune(1, last))
	require.Equal(t, append([]string{"app-20261126T061500Z.db", "app-20261126T061500Z.db-lock"}, later...), files(t, folder),
		"the last one made is kept, and so are later ones, from a clock that was wrong")
	require.NoError(t, backups.Prune(1, list[3]))
	require.Equal(t, []string{"app-20261126T061500Z.db-lock", "app-20261126T121500Z.db"}, files(t, folder))
}

func TestBackupsOfADatabaseOfTheSameNameAreToldApart(t *testing.T) {
	t.Parallel()
	db, _, _, backups := filledDB(t)
	other, _, _, elsewhere := filledDB(t)
	made, err := backups.Add(t.Context(), db, at(3))
	require.NoError(t, err)
	requireForeign := func() {
		fault, remedy := database.Explain(backups.RequireOwn(t.Context(), other, made))
		require.Equal(t, made.Path+" is a backup of another database", fault)
		require.Contains(t, remedy, "give each database a folder of its own")
		require.NoError(t, backups.RequireOwn(t.Context(), db, made))
	}
	requireForeign()
	theirs, err := elsewhere.Add(t.Context(), other, at(3))
	require.NoError(t, err)
	requireForeign()
	require.NoError(t, elsewhere.RequireOwn(t.Context(), other, theirs))
	require.Error(t, elsewhere.RequireOwn(t.Context(), db, theirs))

	require.NoError(t, os.WriteFile(made.Path, []byte("of no database at all"), 0o600))
	require.NoError(t, backups.RequireOwn(t.Context(), other, made))
}

func TestTheLastBackupIsNotOneOfTheFuture(t *testing.T) {
	t.Parallel()
	db, _, _, backups := filledDB(t)
	for _, hour := range []int{3, 6, 9} {
		_, err := backups.Add(t.Context(), db, at(hour))
		require.NoError(t, err)
	}
	for _, test := range []struct{ now, last int }{{10, 9}, {9, 9}, {8, 6}, {3, 3}} {
		last, err := backups.Last(at(test.now))
		require.NoError(t, err)
		require.Equal(t, at(test.last).Truncate(time.Second), last.At)
	}
	last, err := backups.Last(at(2))
	require.NoError(t, err)
	require.Zero(t, last)
}

func TestABackupFolderLeavesOtherFilesAlone(t *testing.T) {
	t.Parallel()
	db, _, folder, backups := filledDB(t)
	others := []string{
		"app-20251126T031500Z.db-wal", "app-20251126T031500Z.db.gz", "app-2025-11-26.db", "app-20251326T031500Z.db", "app.db", "app2-20251126T031500Z.db",
		"notes", "shop-20251126T031500Z.db", "shop-20251126T031500Z.db.new-1",
	}
	for _, name := range others {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("other"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder, "app-20241126T031500Z.db"), 0o700))
	require.NoError(t, os.Symlink("notes", filepath.Join(folder, "app-20231126T031500Z.db")))
	others = files(t, folder)
	for hour := range 3 {
		last, err := backups.Add(t.Context(), db, at(hour))
		require.NoError(t, err)
		require.NoError(t, backups.Prune(1, last))
	}
	list, err := backups.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, os.Remove(list[0].Path))
	require.Equal(t, others, files(t, folder))
}

func TestWhatACrashLeavesOfABackupIsNoneAndGoesWithTheNext(t *testing.T) {
	t.Parallel()
	db, _, folder, backups := filledDB(t)
	for name, content := range map[string]string{
		"app-20261126T031500Z.db.new-123": "half", "app-20261126T031500Z.db.new-123-wal": "half", "app-20261126T031500Z.db": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	list, err := backups.List()
	require.NoError(t, err)
	require.Empty(t, list)
	made, err := backups.Add(t.Context(), db, at(3))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Base(made.Path)}, files(t, folder))
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	db, path, folder, backups := filledDB(t)
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		for id := range int64(5000) {
			if _, err := tx.Exec("INSERT INTO notes (id, body) VALUES ($1, $2)", id+2, fmt.Sprint(id, strings.Repeat("x", 100))); err != nil {
				return err
			}
		}
		return nil
	}))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err := backups.Add(stopped, db, at(3))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, files(t, folder))

	made, err := backups.Add(t.Context(), db, at(3))
	require.NoError(t, err)
	_, err = backups.Add(t.Context(), db, at(3))
	require.ErrorContains(t, err, "a backup never replaces a file")

	require.NoError(t, os.Rename(path, path+".old"))
	_, err = backups.Add(t.Context(), db, at(4))
	require.ErrorContains(t, err, "app.db was moved or deleted while it was in use")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = backups.Add(t.Context(), db, at(4))
	require.ErrorContains(t, err, "another file has taken the place of ")
	require.Equal(t, []string{filepath.Base(made.Path)}, files(t, folder))
}

func TestAFolderForBackupsThatIsMissingIsNamedAndNotMade(t *testing.T) {
	t.Parallel()
	db, path, folder, _ := filledDB(t)
	missing := filepath.Join(folder, "disk", "backups")
	backups := database.NewBackupFolder(missing, "sqlite:"+path)
	_, err := backups.List()
	require.ErrorContains(t, err, "there is no folder "+filepath.Join(folder, "disk")+": make it, or mount its disk")
	_, err = backups.Add(t.Context(), db, at(3))
	require.ErrorContains(t, err, "there is no folder ")
	require.Empty(t, files(t, folder))
	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = database.NewBackupFolder(file, "sqlite:"+path).List()
	require.ErrorContains(t, err, file+" is a file and no folder")
}

func TestADatabaseOnAServerIsNotBackedUp(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	require.ErrorContains(t, db.Backup(t.Context(), filepath.Join(t.TempDir(), "b")), "PostgreSQL has its own tools for that, such as pg_dump")
}
