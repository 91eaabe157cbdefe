package database_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// filled makes a file of ours with some notes, closes it and returns its path.
func filled(t *testing.T) string {
	url := databasetest.SQLite(t)
	path, _ := database.SQLitePath(url)
	db, err := database.Open(t.Context(), url, database.Options{})
	require.NoError(t, err)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	for i := range 200 {
		require.NoError(t, insertNote(t.Context(), db, int64(i), fmt.Sprint(i, strings.Repeat("x", 500))))
	}
	require.NoError(t, db.Close())
	return path
}

// change runs statements on a file as any program might.
func change(t *testing.T, path string, statements ...string) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, statement := range statements {
		_, err = db.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
}

func overwrite(t *testing.T, path string, offset int64, text string) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(text), offset)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func checksum(t *testing.T, path string) [sha256.Size]byte {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return sha256.Sum256(text)
}

func TestAFileThatIsNotOursOrNotWholeIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  string
	}{
		{"noise", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("noise", 5000)), 0o600))
		}, "it is not a database of this program: restore a backup if it was one, or name another path"},
		{"a text file", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("milk, eggs\n"), 0o600))
		}, "it is not a database of this program"},
		{"the database of another program", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			change(t, path, "CREATE TABLE recipes (id INTEGER PRIMARY KEY)")
		}, "it is not a database of this program"},
		{"the database of another program that marks its files", func(t *testing.T, path string) {
			change(t, path, "PRAGMA application_id = 252006674")
		}, "it is not a database of this program"},
		{"the database of another program that uses goose, too", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			change(t, path, "CREATE TABLE goose_db_version (id INTEGER)", "CREATE TABLE recipes (id INTEGER)")
		}, "it is not a database of this program"},
		{"the database of another program that counts its versions", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			change(t, path, "PRAGMA user_version = 7")
		}, "it is not a database of this program"},
		{"nothing but a log", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.NoError(t, os.WriteFile(path+"-wal", []byte("all that was acknowledged"), 0o600))
		}, "it is empty or gone, but its -wal exists and may hold every acknowledged write"},
		{"a newer file", func(t *testing.T, path string) { change(t, path, "PRAGMA user_version = 2") },
			"it was written by a newer version of this program: start that version"},
		{"half a file", func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 30<<10)) },
			"it is damaged: restore a backup"},
		{"a page of zeros", func(t *testing.T, path string) { overwrite(t, path, 8<<12, strings.Repeat("\x00", 1<<12)) },
			"it is damaged: restore a backup"},
		{"a page of junk", func(t *testing.T, path string) { overwrite(t, path, 12<<12, strings.Repeat("junk", 1<<10)) },
			"it is damaged: restore a backup"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filled(t)
			test.spoil(t, path)
			require.NoError(t, os.Chmod(path, 0o644))
			before := checksum(t, path)
			_, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
			require.ErrorContains(t, err, "open sqlite:"+path+": "+test.want)
			require.Equal(t, before, checksum(t, path), "the file was changed")
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o644), info.Mode(), "its permissions were changed")
		})
	}
}

func TestAFileFromBeforeFilesWereMarkedIsOurs(t *testing.T) {
	t.Parallel()
	path := filled(t)
	change(t, path, "PRAGMA application_id = 0", "PRAGMA user_version = 0")
	db := databasetest.Open(t, "sqlite:"+path)
	require.Equal(t, 200, countNotes(t, db))
	var id int
	require.NoError(t, db.QueryRow(t.Context(), "PRAGMA application_id").Scan(&id))
	require.Equal(t, 0x75736f72, id)
}

func TestClosingLeavesOneFileThatHasEverything(t *testing.T) {
	t.Parallel()
	path := filled(t)
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path, path + "-lock"}, files, "the log was not moved into the file")
}

func TestAnEmptyFileIsNew(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	path, _ := database.SQLitePath(url)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, databasetest.Open(t, url).Migrate(t.Context(), "notes", notes))
}

// Litestream makes its tables as soon as there is a file, which may be while a service starts for the first time.
func TestAFileWithTheTablesOfLitestreamAloneIsNew(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	path, _ := database.SQLitePath(url)
	change(t, path, "PRAGMA journal_mode = WAL", "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)",
		"CREATE TABLE _litestream_lock (id INTEGER)")
	db := databasetest.Open(t, url)
	require.True(t, db.IsNew())
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, db.Close())
	require.Zero(t, countNotes(t, databasetest.Open(t, url)))
}

func TestALogIsNotRemovedWithAMissingFile(t *testing.T) {
	t.Parallel()
	path := filled(t)
	require.NoError(t, os.Rename(path, path+"-wal"))
	_, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	require.ErrorContains(t, err, "restore the file, or move the -wal away")
	require.FileExists(t, path+"-wal")
}

// TestACrashInTheMiddleOfARollbackJournalIsRecovered: putting a file into WAL mode goes through one, and so do
// the first start and the first start after a restore.
func TestACrashInTheMiddleOfARollbackJournalIsRecovered(t *testing.T) {
	t.Parallel()
	path, crashed := filled(t), filepath.Join(t.TempDir(), "crashed.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 1", "BEGIN IMMEDIATE", "UPDATE notes SET body = 'lost' || id",
	} {
		_, err = db.Exec(statement)
		require.NoError(t, err)
	}
	for _, suffix := range []string{"", "-journal"} {
		text, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(crashed+suffix, text, 0o600))
	}
	require.NoError(t, db.Close())

	restarted := databasetest.Open(t, "sqlite:"+crashed)
	var lost int
	require.NoError(t, restarted.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE body LIKE 'lost%'").Scan(&lost))
	require.Zero(t, lost)
	require.Equal(t, 200, countNotes(t, restarted))
}

func TestASymbolicLinkIsTheFileItLeadsTo(t *testing.T) {
	t.Parallel()
	path := filled(t)
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	require.True(t, database.SameFile("sqlite:"+path, "sqlite:"+link))
	databasetest.Open(t, "sqlite:"+link)
	_, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	require.ErrorContains(t, err, "another process is using it")
}

func TestAFileIsTheSameThroughALinkToItsFolderEvenBeforeItExists(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(folder, link))
	one, other := "sqlite:"+filepath.Join(folder, "app.db"), "sqlite:"+filepath.Join(link, "app.db")
	require.True(t, database.SameFile(one, other))
	databasetest.Open(t, one)
	require.True(t, database.SameFile(one, other))
	require.False(t, database.SameFile(one, "sqlite:"+filepath.Join(link, "other.db")))
}

func TestALinkToAFileThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(filepath.Join(t.TempDir(), "nowhere.db"), link))
	_, err := database.Open(t.Context(), "sqlite:"+link, database.Options{})
	require.ErrorContains(t, err, "it is a link to a file that does not exist")
}

func TestASecondProcessIsKeptFromTheFile(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	db := databasetest.Open(t, url)
	start := time.Now()
	_, err := database.Open(t.Context(), url, database.Options{}) // a lock of its own, as another process would have
	require.ErrorContains(t, err, "another process is using it: stop that one, or name another path")
	require.Less(t, time.Since(start), time.Second)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, insertNote(t.Context(), db, 1, "the first is unharmed"))
	require.NoError(t, db.Close())
	require.NoError(t, databasetest.Open(t, url).Ping(t.Context()), "the lock was not given up")
}

func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	for _, name := range []string{"a new file", "a copy that was open to all"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "app.db")
			if name != "a new file" {
				require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
				text, err := os.ReadFile(filled(t))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, text, 0o600))
				require.NoError(t, os.Chmod(path, 0o666))
			}
			databasetest.Open(t, "sqlite:"+path)
			for file, want := range map[string]os.FileMode{
				path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + "-lock": 0o600, filepath.Dir(path): os.ModeDir | 0o700,
			} {
				info, err := os.Stat(file)
				require.NoError(t, err)
				require.Equal(t, want, info.Mode(), file)
			}
		})
	}
}

func TestDamageThatIsMetLaterStopsAllWriting(t *testing.T) {
	t.Parallel()
	path := filled(t)
	db := databasetest.Open(t, "sqlite:"+path)
	require.NoError(t, db.Ping(t.Context()))
	overwrite(t, path, 12<<12, strings.Repeat("junk", 1<<10))
	var total int
	for id := range 200 { // reads all leaves of the table
		_ = db.QueryRow(t.Context(), "SELECT length(body) FROM notes WHERE id = $1", id).Scan(&total)
	}
	require.ErrorIs(t, db.Ping(t.Context()), database.ErrUnavailable)
	require.ErrorContains(t, db.Ping(t.Context()), "is damaged")
	err := insertNote(t.Context(), db, 1000, "on top of it")
	require.ErrorIs(t, err, database.ErrUnavailable)
	require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
}

func TestDamageThatACollectMeetsStopsAllWriting(t *testing.T) {
	t.Parallel()
	path := filled(t)
	db := databasetest.Open(t, "sqlite:"+path)
	overwrite(t, path, 12<<12, strings.Repeat("junk", 1<<10))
	_, err := database.Collect(t.Context(), db, func(row *database.Row) (string, error) {
		var body string
		err := row.Scan(&body)
		return body, err
	}, "SELECT body FROM notes NOT INDEXED")
	require.ErrorIs(t, err, database.ErrUnavailable)
	require.ErrorContains(t, db.Ping(t.Context()), "is damaged")
}

func TestABackupHasAllThatWasAcknowledgedBeforeIt(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	acknowledged := 0
	ctx, stop := context.WithCancel(t.Context())
	ended, reached := make(chan struct{}), make(chan struct{})
	go func() { // goes on during the backup
		defer close(ended)
		for id := int64(0); insertNote(ctx, db, id, fmt.Sprint(id)) == nil; id++ {
			if acknowledged++; acknowledged == 500 {
				close(reached)
			}
		}
	}()
	<-reached
	copied := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, database.Backup(t.Context(), url, copied))
	stop()
	<-ended

	info, err := os.Stat(copied)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	header, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Equal(t, []byte{2, 2}, header[18:20], "it is not in WAL mode")
	restored := databasetest.Open(t, "sqlite:"+copied)
	require.NoError(t, restored.Migrate(t.Context(), "notes", notes))
	require.GreaterOrEqual(t, countNotes(t, restored), 500)
	require.NoError(t, insertNote(t.Context(), restored, -1, "it can be written"))
	leftovers, err := filepath.Glob(copied + ".new-*")
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	path := filled(t)
	url, bare, empty := "sqlite:"+path, databasetest.SQLite(t), filepath.Join(t.TempDir(), "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, databasetest.Open(t, bare).Close())
	for _, test := range []struct {
		name, url, to string
		want          string
	}{
		{"to replace a file", url, path, "file already exists, and a backup never replaces a file"},
		{"a folder that is not there", url, filepath.Join(t.TempDir(), "none", "b.db"), "none: no such file or directory"},
		{"a database that is not there", url + ".none", path + ".new", "no such file or directory"},
		{"an empty file", "sqlite:" + empty, path + ".new", "there is nothing in it: is it the file that the service uses?"},
		{"a file of the system", "sqlite:/proc/version", path + ".new", "/proc/version to "}, // missing elsewhere than on Linux
		{"a database without tables", bare, path + ".new", "there is nothing in it"},
		{"PostgreSQL", "postgres://me:hunter2@host/db", path + ".new", "PostgreSQL has its own tools for that, such as pg_dump"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := database.Backup(t.Context(), test.url, test.to)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	overwrite(t, path, 12<<12, strings.Repeat("junk", 1<<10))
	require.ErrorContains(t, database.Backup(t.Context(), url, path+".new"), "it is damaged")
	require.NoFileExists(t, path+".new")
}
