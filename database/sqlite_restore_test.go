package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// prepareNotes changes a copy that is being restored.
func prepareNotes(ctx context.Context, db *database.DB) error {
	if err := db.Migrate(ctx, "notes", notes); err != nil {
		return err
	}
	_, err := db.Exec(ctx, "INSERT INTO notes (id, body) VALUES (-1, 'prepared')")
	return err
}

func leaveAsItIs(context.Context, *database.DB) error { return nil }

// killAt ends this process without notice after the step that STEP names.
func killAt(step string) {
	if step == os.Getenv("STEP") && step != "" {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		panic(errors.Join(err, errors.New("it goes on")))
	}
}

// backedUp makes a file and a backup of it, and adds notes to the file afterwards: "old 0" and so on.
func backedUp(t *testing.T) (path, backup string) {
	path = filled(t)
	backup = filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, database.Backup(t.Context(), "sqlite:"+path, backup))
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	require.NoError(t, err)
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		_, err := tx.Exec("UPDATE notes SET body = 'old ' || id")
		return err
	}))
	require.NoError(t, db.Close())
	return path, backup
}

// stateOf opens the database as the service does and tells what it has: "old", "new" or something else.
func stateOf(t *testing.T, path string) string {
	t.Helper()
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.False(t, db.IsNew())
	var verdict string
	require.NoError(t, db.QueryRow(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
	var all, old, prepared int
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&all))
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE body GLOB 'old *'").Scan(&old))
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE body = 'prepared'").Scan(&prepared))
	switch {
	case all == 200 && old == 200 && prepared == 0:
		return "old"
	case all == 201 && old == 0 && prepared == 1:
		return "new"
	}
	return fmt.Sprintf("%d notes, %d of them old, %d prepared", all, old, prepared)
}

// namesBeside returns the names of the file at path and of those that begin with it, without the lock.
func namesBeside(t *testing.T, path string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, file := range found {
		if file != path+"-lock" {
			names = append(names, filepath.Base(file))
		}
	}
	return names
}

func TestRestorePutsABackupInPlaceAndKeepsTheOldFile(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	before := checksum(t, backup)
	var kepts []string
	for range 2 { // within a second
		kept, err := database.Restore(t.Context(), "sqlite:"+path, backup, prepareNotes)
		require.NoError(t, err)
		require.Regexp(t, `/test\.db\.before-restore-20\d{6}-\d{6}$`, kept)
		kepts = append(kepts, kept)
	}
	require.Equal(t, before, checksum(t, backup), "the backup was changed")
	require.Equal(t, []string{filepath.Base(backup)}, namesBeside(t, backup))
	require.Equal(t, []string{"test.db", filepath.Base(kepts[0]), filepath.Base(kepts[1])}, namesBeside(t, path))
	require.Equal(t, "new", stateOf(t, path))
	require.Equal(t, "old", stateOf(t, kepts[0]))
	require.Equal(t, "new", stateOf(t, kepts[1]))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	kept, err := database.Restore(t.Context(), "sqlite:"+path, kepts[0], leaveAsItIs)
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	require.Equal(t, "old", stateOf(t, path), "what was kept cannot be restored")
}

func TestRestoreWhereThereIsNoDatabase(t *testing.T) {
	t.Parallel()
	_, backup := backedUp(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(backup, link))
	path := filepath.Join(t.TempDir(), "data", "app.db")
	kept, err := database.Restore(t.Context(), "sqlite:"+path, link, prepareNotes)
	require.NoError(t, err)
	require.Empty(t, kept)
	require.Equal(t, []string{"app.db"}, namesBeside(t, path))
	require.Equal(t, "new", stateOf(t, path))
}

func TestRestoreThroughALinkReplacesTheFileItself(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	kept, err := database.Restore(t.Context(), "sqlite:"+link, backup, prepareNotes)
	require.NoError(t, err)
	require.Equal(t, filepath.Dir(path), filepath.Dir(kept))
	require.Equal(t, "new", stateOf(t, link))
	require.Equal(t, "new", stateOf(t, path))
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	hard := filepath.Join(t.TempDir(), "hard.db")
	require.NoError(t, os.Link(path, hard))
	// spoilt returns a copy of the backup that was changed.
	spoilt := func(change func(path string)) string {
		text, err := os.ReadFile(backup)
		require.NoError(t, err)
		copied := filepath.Join(t.TempDir(), "spoilt.db")
		require.NoError(t, os.WriteFile(copied, text, 0o600))
		change(copied)
		return copied
	}
	failing := errors.New("not prepared")
	for _, test := range []struct {
		name, from string
		prepare    func(context.Context, *database.DB) error
		want       string
	}{
		{"a file that is not there", backup + ".none", leaveAsItIs, "no such file or directory"},
		{"a folder", t.TempDir(), leaveAsItIs, "it is a folder and must be a regular file"},
		{"the database itself", path, leaveAsItIs, "it is the database itself"},
		{"a link to the database", link, leaveAsItIs, "it is the database itself"},
		{"another name of the database", hard, leaveAsItIs, "it is the database itself"},
		{"an empty file", spoilt(func(path string) { require.NoError(t, os.Truncate(path, 0)) }), leaveAsItIs,
			"it has no tables of this program"},
		{"a database without tables", spoilt(func(path string) {
			require.NoError(t, os.Remove(path))
			change(t, path, "PRAGMA application_id = 1970499442", "PRAGMA user_version = 1")
		}), leaveAsItIs, "it has no tables of this program"},
		{"noise", spoilt(func(path string) { overwrite(t, path, 0, strings.Repeat("noise", 100)) }), leaveAsItIs,
			"it is not a backup of a database of this program"},
		{"the database of another program", spoilt(func(path string) {
			require.NoError(t, os.Remove(path))
			change(t, path, "CREATE TABLE recipes (id INTEGER PRIMARY KEY)")
		}), leaveAsItIs, "it is not a backup of a database of this program"},
		{"the marked database of another program", spoilt(func(path string) { change(t, path, "PRAGMA application_id = 7") }),
			leaveAsItIs, "it is not a backup"},
		{"a newer file", spoilt(func(path string) { change(t, path, "PRAGMA user_version = 2") }), leaveAsItIs,
			"it was written by a newer version"},
		{"half a file", spoilt(func(path string) { require.NoError(t, os.Truncate(path, 30<<10)) }), leaveAsItIs,
			"it is damaged"},
		{"a page of junk", spoilt(func(path string) { overwrite(t, path, 12<<12, strings.Repeat("junk", 1<<10)) }), leaveAsItIs,
			"it is damaged"},
		{"an unfinished copy", spoilt(func(path string) { change(t, path, "CREATE TABLE unfinished_copy (tables TEXT)") }), leaveAsItIs,
			"a copy that was not finished"},
		{"a copy that cannot be prepared", backup, func(context.Context, *database.DB) error { return failing }, "not prepared"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, names := checksum(t, path), namesBeside(t, path)
			_, err := database.Restore(t.Context(), "sqlite:"+path, test.from, test.prepare)
			require.ErrorContains(t, err, "restore "+path+" from ")
			require.ErrorContains(t, err, test.want)
			require.Equal(t, before, checksum(t, path), "the database was changed")
			require.Equal(t, names, namesBeside(t, path))
		})
	}
	_, err := database.Restore(t.Context(), "postgres://me:hunter2@host/db", backup, leaveAsItIs)
	require.ErrorContains(t, err, "PostgreSQL has its own tools for that, such as pg_restore")
	require.NotContains(t, err.Error(), "hunter2")

	db := databasetest.Open(t, "sqlite:"+path)
	_, err = database.Restore(t.Context(), "sqlite:"+path, backup, leaveAsItIs)
	require.ErrorContains(t, err, "another process is using it: stop that one, or name another path")
	require.NoError(t, insertNote(t.Context(), db, 1000, "the service is unharmed"))
}

func TestRestoreReplacesWhatCannotBeOpenedAndKeepsIt(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	overwrite(t, path, 0, strings.Repeat("noise", 2000))
	require.NoError(t, os.WriteFile(path+"-wal", []byte("a log"), 0o600))
	before := checksum(t, path)
	kept, err := database.Restore(t.Context(), "sqlite:"+path, backup, prepareNotes)
	require.NoError(t, err)
	require.Equal(t, "new", stateOf(t, path))
	require.Equal(t, before, checksum(t, kept))
	log, err := os.ReadFile(kept + "-wal")
	require.NoError(t, err)
	require.Equal(t, "a log", string(log))
}

// steps are all steps of a restore.
var steps = []string{
	"settled", "copied", "prepared", "complete", "moved ", "moved -wal", "moved -journal", "without -shm", "in place",
}

func TestARestoreThatIsKilledLeavesTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	var seen []string
	path, backup := backedUp(t)
	note := func(step string) { seen = append(seen, step) }
	_, err := database.RestoreBy(t.Context(), "sqlite:"+path, backup, prepareNotes, note)
	require.NoError(t, err)
	require.Equal(t, steps, seen)
	for _, log := range []string{"", " with a log that cannot be moved"} {
		for n, step := range steps {
			t.Run(step+log, func(t *testing.T) {
				t.Parallel()
				path, backup := backedUp(t)
				if log != "" {
					holdLog(t, path)
				}
				link := filepath.Join(t.TempDir(), "link.db")
				require.NoError(t, os.Symlink(path, link))
				p := spawn(t, "restore", "sqlite:"+link, "BACKUP="+backup, "STEP="+step)
				p.die(t)
				want := "old"
				if n >= slices.Index(steps, "complete") {
					want = "new"
				}
				require.Equal(t, want, stateOf(t, link))
				requireKept(t, path, want)
				for _, name := range namesBeside(t, path) {
					require.NotContains(t, name, "-restoring", "the copy was left")
				}
			})
		}
	}
}

func TestOpenTellsThatItFinishesARestore(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	require.PanicsWithValue(t, "stop", func() {
		_, _ = database.RestoreBy(t.Context(), "sqlite:"+path, backup, prepareNotes, func(step string) {
			if step == "moved " {
				panic("stop")
			}
		})
	})
	require.NoFileExists(t, path)
	var log bytes.Buffer
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Regexp(t, `level=WARN msg="a restore that was interrupted is finished" database=\S+/test\.db before=\S+\.before-restore-[\d-]+\n$`,
		log.String())
	require.Equal(t, "new", stateOf(t, path))
}

// holdLog adds what makes the file old to its log, and reads from it in a way that no other process can move the log into
// the file.
func holdLog(t *testing.T, path string) {
	t.Helper()
	change(t, path, "UPDATE notes SET body = 'only in the log ' || id")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(2)
	t.Cleanup(func() { _ = db.Close() })
	read, err := db.Begin()
	require.NoError(t, err)
	require.NoError(t, read.QueryRow("SELECT count(*) FROM notes").Scan(new(int)))
	_, err = db.Exec("UPDATE notes SET body = 'old ' || id")
	require.NoError(t, err)
	t.Cleanup(func() { _ = read.Rollback() })
}

// requireKept checks what is kept of the old database if the new one is in place, and returns where.
func requireKept(t *testing.T, path, state string) (kept string) {
	t.Helper()
	var all []string
	for _, name := range namesBeside(t, path) {
		if regexp.MustCompile(`\.before-restore-\d{8}-\d{6}$`).MatchString(name) {
			all = append(all, filepath.Join(filepath.Dir(path), name))
		}
	}
	if state == "old" {
		require.Empty(t, all)
		return ""
	}
	require.Len(t, all, 1)
	require.Equal(t, "old", stateOf(t, all[0]))
	return all[0]
}

// TestARestoreMixesNoFilesBesideAProcessThatWrites: what that process writes during a restore is in the previous database
// or in the new one, and never in the log of the other.
func TestARestoreMixesNoFilesBesideAProcessThatWrites(t *testing.T) {
	t.Parallel()
	path, backup := backedUp(t)
	url := "sqlite:" + path
	writing := spawn(t, "insist", url)
	writing.await(t, "open")
	for range 10 {
		kept, err := database.Restore(t.Context(), url, backup, prepareNotes)
		require.NoError(t, err)
		requireNotes(t, "sqlite:"+kept, nil)
		db, err := database.Open(t.Context(), url, database.Options{})
		require.NoError(t, err)
		var old, prepared int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE body GLOB 'old *'").Scan(&old))
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE body = 'prepared'").Scan(&prepared))
		require.Equal(t, [2]int{0, 1}, [2]int{old, prepared})
		require.NoError(t, addNote(db, "after"))
		time.Sleep(20 * time.Millisecond) // for some writes of the other process
		require.NoError(t, db.Close())
		requireNotes(t, url, []string{"after"})
	}
	require.NoError(t, writing.Process.Kill())
	require.Error(t, writing.Wait())
	require.Empty(t, writing.stderr.String())
}

func TestARestoreThatIsKilledAtAnyTimeLeavesTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	states := map[string]int{}
	path, backup := backedUp(t)
	url := "sqlite:" + path
	putBack := func() { require.NoError(t, os.Rename(requireKept(t, path, "new"), path)) }
	began := time.Now()
	spawn(t, "restore", url, "BACKUP="+backup).end(t, false)
	longest := time.Since(began)
	putBack()
	for round := range 40 {
		if round%2 == 0 { // a log of a service that was killed
			service := spawn(t, "hold", url)
			service.await(t, "open")
			service.end(t, true)
		}
		p := spawn(t, "restore", url, "BACKUP="+backup)
		time.Sleep(rand.N(longest))
		p.end(t, true)
		state := stateOf(t, path)
		require.Contains(t, []string{"old", "new"}, state)
		states[state]++
		if state == "new" {
			putBack()
			longest = longest * 4 / 5 // so that as many are killed before as after
		} else {
			longest = longest * 5 / 4
		}
	}
	t.Log(states)
	require.Len(t, states, 2, "it was always killed too early or too late")
}

func TestARestoreIsRefusedWhileLitestreamReads(t *testing.T) {
	t.Parallel()
	path, backup := filled(t), filled(t)
	change(t, path, "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
	other, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	_, err = other.Exec("INSERT INTO _litestream_seq (seq) VALUES (1)")
	require.NoError(t, err)
	read, err := other.Begin()
	require.NoError(t, err)
	var count int
	require.NoError(t, read.QueryRow("SELECT count(*) FROM _litestream_seq").Scan(&count))
	prepare := func(context.Context, *database.DB) error { return nil }
	_, err = database.Restore(t.Context(), "sqlite:"+path, backup, prepare)
	require.ErrorContains(t, err, "the database is being read by Litestream: stop that, and start it again after the restore")
	require.NoError(t, read.Rollback())
	_, err = database.Restore(t.Context(), "sqlite:"+path, backup, prepare)
	require.NoError(t, err)
}
