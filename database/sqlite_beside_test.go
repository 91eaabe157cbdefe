package database_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// served opens a new file with a table of notes, as the service does.
func served(t *testing.T, options database.Options) (db *database.DB, url string) {
	url = databasetest.SQLite(t)
	db, err := database.Open(t.Context(), url, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	return db, url
}

func beside(t *testing.T, url string) *database.DB {
	db, err := database.Open(t.Context(), url, database.Options{Beside: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestTheServiceAndAnotherProcessLoseNothingOfEachOther(t *testing.T) {
	t.Parallel()
	var groups int
	db, url := served(t, database.Options{Committed: func(int, time.Duration) { groups++ }})
	var mu sync.Mutex
	var want []string
	reading, writing := spawn(t, "read", url), spawn(t, "write", url)
	reading.await(t, "open")
	ended := make(chan struct{})
	go func() { // to the end
		defer close(ended)
		for writing.lines.Scan() {
			mu.Lock()
			want = append(want, writing.lines.Text())
			mu.Unlock()
		}
	}()
	writes, err := load(db, func() bool {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-ended:
			return len(want) > 10000
		default:
			return false
		}
	}, func(body string) {
		mu.Lock()
		defer mu.Unlock()
		want = append(want, body)
	})
	require.NoError(t, err)
	<-ended
	require.NoError(t, writing.Wait(), writing.stderr.String())
	require.NoError(t, reading.Process.Signal(os.Kill))
	_ = reading.Wait()
	require.Empty(t, reading.stderr.String())
	var notes []string
	besides := 0
	for _, line := range want {
		if longest, ok := strings.CutPrefix(line, "longest "); ok {
			t.Logf("%d writes of the service in %d groups; the longest write beside it took %s", writes, groups, longest)
			continue
		}
		if strings.HasPrefix(line, "beside ") {
			besides++
		}
		notes = append(notes, line)
	}
	require.Equal(t, 200, besides)
	require.NoError(t, db.Ping(t.Context()))
	require.NoError(t, db.Close())
	path, _ := database.SQLitePath(url)
	require.NoFileExists(t, path+"-wal", "the log was not moved into the file")
	requireNotes(t, url, notes)
}

func TestAProcessThatIsKilledInItsTransactionLeavesTheServiceUnharmed(t *testing.T) {
	t.Parallel()
	db, url := served(t, database.Options{})
	var want []string
	for round := range 20 {
		p := spawn(t, "stall", url)
		p.await(t, "inside")
		result := make(chan error, 1)
		body := fmt.Sprint("round ", round)
		go func() { result <- addNote(db, body) }()
		time.Sleep(20 * time.Millisecond)
		require.Empty(t, result, "the writer does not wait for the other process")
		p.end(t, true)
		require.NoError(t, <-result)
		require.NoError(t, db.Ping(t.Context()))
		want = append(want, body)
	}
	require.NoError(t, db.Close())
	requireNotes(t, url, want)
}

func TestAServiceThatIsKilledIsRecoveredBesideAnotherProcess(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	db := databasetest.Open(t, url)
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, db.Close())
	reading := spawn(t, "read", url)
	reading.await(t, "open")
	other := beside(t, url)
	var want []string
	for round := range 10 {
		service := spawn(t, "serve", url)
		service.await(t, "open")
		for n := range 20 {
			body := fmt.Sprint("beside ", round, " ", n)
			require.NoError(t, addNote(other, body))
			want = append(want, body)
		}
		want = append(want, service.end(t, true)...)
		require.NoError(t, addNote(other, fmt.Sprint("alone ", round)))
	}
	require.NoError(t, reading.Process.Kill())
	_ = reading.Wait()
	require.Empty(t, reading.stderr.String())
	requireNotes(t, url, want)
	require.Greater(t, len(want), 250)
}

// TestAServiceNeverMissesItsLogBesideAReader starts and stops a service whose file another process opens and closes all
// the time, so that each of them is at times the first and the last that has it open.
func TestAServiceNeverMissesItsLogBesideAReader(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filled(t)
	reading := spawn(t, "read", url)
	reading.await(t, "open")
	for round := range 5 {
		var log bytes.Buffer
		db, err := database.Open(t.Context(), url, database.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		for began, n := time.Now(), 0; time.Since(began) < 700*time.Millisecond; n++ { // looks after its log twice a second
			require.NoError(t, addNote(db, fmt.Sprint(round, " ", n)))
		}
		require.NoError(t, db.Ping(t.Context()))
		require.NoError(t, db.Close())
		require.Empty(t, log.String())
	}
	require.NoError(t, reading.Process.Kill())
	_ = reading.Wait()
	require.Empty(t, reading.stderr.String())
	requireNotes(t, url, nil)
}

// TestOpenBesideChangesNothing covers a file that no service has open.
func TestOpenBesideChangesNothing(t *testing.T) {
	t.Parallel()
	path := filled(t)
	require.NoError(t, os.Remove(path+"-lock"))
	change(t, path, "PRAGMA application_id = 0", "PRAGMA user_version = 0") // of before files were marked
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(path, 0o640))
	}
	before := checksum(t, path)
	db := beside(t, "sqlite:"+path)
	require.Equal(t, 200, countNotes(t, db))
	require.NoError(t, db.Ping(t.Context()))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	newer := fstest.MapFS{"migrations/0002_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (id BIGINT);\n")}}
	require.ErrorContains(t, db.Migrate(t.Context(), "notes", newer), "run userorder migrate first")
	require.ErrorContains(t, db.Migrate(t.Context(), "others", notes), "run userorder migrate first")
	err := db.QueryRow(t.Context(), "DELETE FROM notes RETURNING id").Scan(new(int64))
	require.ErrorContains(t, err, "a query must not write")
	require.NotErrorIs(t, err, database.ErrUnavailable)

	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path}, files)
	require.Equal(t, before, checksum(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o640), info.Mode())
	}
}

func TestOpenBesideRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
		return filepath.Join(folder, name)
	}
	noise, empty := write("noise", "milk, eggs\n"), write("empty", "")
	write("empty-wal", "all that was acknowledged")
	newer := filled(t)
	change(t, newer, "PRAGMA user_version = 2")
	for _, test := range []struct{ name, path, want string }{
		{"a file that is not there", filepath.Join(folder, "none"), "no such file or directory"},
		{"a folder that is not there", filepath.Join(folder, "none", "app.db"), "no such file or directory"},
		{"a folder", folder, "it is a folder and must be a regular file"},
		{"noise", noise, "it is not a database of this program"},
		{"a log alone", empty, "its -wal exists"},
		{"a newer file", newer, "it was written by a newer version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, err := filepath.Glob(folder + "/*")
			require.NoError(t, err)
			_, err = database.Open(t.Context(), "sqlite:"+test.path, database.Options{Beside: true})
			require.ErrorContains(t, err, "open sqlite:"+test.path+": ")
			require.ErrorContains(t, err, test.want)
			after, err := filepath.Glob(folder + "/*")
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestWritesBesideTheService(t *testing.T) {
	t.Parallel()
	db, url := served(t, database.Options{})
	other := beside(t, url)
	require.NoError(t, insertNote(t.Context(), other, 1, "one"))
	require.Equal(t, 1, countNotes(t, db))
	require.True(t, database.IsUniqueViolation(insertNote(t.Context(), other, 1, "two")))
	mine := errors.New("mine")
	err := other.Write(t.Context(), func(tx *database.Tx) error {
		if _, err := tx.Exec("INSERT INTO notes (id, body) VALUES (2, 'two')"); err != nil {
			return err
		}
		return mine
	})
	require.Equal(t, mine, err)
	require.PanicsWithValue(t, "bug", func() { _ = other.Write(t.Context(), func(*database.Tx) error { panic("bug") }) })
	require.Equal(t, 1, countNotes(t, other), "what failed was kept")
	_, err = other.Insert(t.Context(), "INSERT INTO notes (id, body) VALUES (7, 'seven')")
	require.NoError(t, err)
	var body string
	require.NoError(t, other.ExecRow(t.Context(), "UPDATE notes SET body = 'seven!' WHERE id = 7 RETURNING body").Scan(&body))
	require.Equal(t, "seven!", body)
	got, err := database.Collect(t.Context(), other, func(row *database.Row) (id int64, err error) {
		return id, row.Scan(&id)
	}, "SELECT id FROM notes ORDER BY id")
	require.NoError(t, err)
	require.Len(t, got, 2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, insertNote(gone, other, 3, "three"), context.Canceled)
	require.NoError(t, other.Close())
	require.NoError(t, insertNote(t.Context(), db, 3, "three"), "its locks are gone")
}

func TestAWriteBesideALongTransactionGivesUp(t *testing.T) {
	t.Parallel()
	db, url := served(t, database.Options{})
	other, hold := beside(t, url), make(chan struct{})
	inside, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- db.Write(context.Background(), func(*database.Tx) error {
			close(inside)
			<-hold
			return nil
		})
	}()
	<-inside
	gone, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := insertNote(gone, other, 1, "never")
	require.ErrorIs(t, err, database.ErrUnavailable)
	require.NotErrorIs(t, err, database.ErrOutcomeUnknown)
	began := time.Now()
	require.ErrorIs(t, insertNote(t.Context(), other, 1, "never"), database.ErrUnavailable)
	require.InDelta(t, 5, time.Since(began).Seconds(), 1)
	require.Zero(t, countNotes(t, other), "reading goes on")
	close(hold)
	err = <-result // its own time may be up as well
	require.True(t, err == nil || errors.Is(err, database.ErrOutcomeUnknown), "%v", err)
	require.NoError(t, insertNote(t.Context(), other, 1, "now"))
}

// TestAReadBesideLeavesNothingOpen: the service could not reset its log while a transaction reads from it, and would not
// move it into the file at its end while another process is connected.
func TestAReadBesideLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	db, url := served(t, database.Options{})
	path, _ := database.SQLitePath(url)
	other := beside(t, url)
	for id := range int64(50) {
		require.NoError(t, insertNote(t.Context(), db, id, strings.Repeat("x", 5000)+fmt.Sprint(id)))
		require.EqualValues(t, id+1, countNotes(t, other))
	}
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(50*5000))
	change(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err = os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.NoError(t, db.Close())
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path, path + "-lock"}, files)
	require.Equal(t, 50, countNotes(t, other))
	files, err = filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path, path + "-lock"}, files)
}

func TestAProcessBesideFollowsThePath(t *testing.T) {
	t.Parallel()
	path := filled(t)
	other := beside(t, "sqlite:"+path)
	require.Equal(t, 200, countNotes(t, other))
	require.NoError(t, os.Rename(path, path+".old"))
	require.ErrorIs(t, other.Ping(t.Context()), database.ErrUnavailable)
	require.ErrorIs(t, insertNote(t.Context(), other, 1000, "nowhere"), database.ErrUnavailable)
	require.NoFileExists(t, path)
	second := filled(t)
	change(t, second, "DELETE FROM notes WHERE id > 9")
	require.NoError(t, os.Rename(second, path))
	require.Equal(t, 10, countNotes(t, other))
}

// TestAServiceOpensItsFileBesideCallsOfItsOwnProcess: closing a file without SQLite releases every lock that the process
// has on it, so that another process could remove the log that a call of this one is using.
func TestAServiceOpensItsFileBesideCallsOfItsOwnProcess(t *testing.T) {
	t.Parallel()
	_, url := served(t, database.Options{})
	path, _ := database.SQLitePath(url)
	copied := filled(t)
	other := beside(t, "sqlite:"+copied)
	inside, hold := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- other.Write(context.Background(), func(tx *database.Tx) error {
			close(inside)
			<-hold
			_, err := tx.Exec("INSERT INTO notes (id, body) VALUES (1000, 'x')")
			return err
		})
	}()
	<-inside
	opened := make(chan *database.DB, 1)
	go func() {
		db, err := database.Open(context.Background(), "sqlite:"+copied, database.Options{})
		if err != nil {
			t.Error(err)
		}
		opened <- db
	}()
	time.Sleep(50 * time.Millisecond)
	require.Empty(t, opened, "it was opened in the middle of a call")
	close(hold)
	require.NoError(t, <-result)
	db := <-opened
	require.Equal(t, 201, countNotes(t, db))
	require.NoError(t, db.Close())
	require.FileExists(t, path)
}

func TestBesideOnPostgresOnlyChecks(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := beside(t, url)
	require.ErrorContains(t, db.Migrate(t.Context(), "notes", notes), "run userorder migrate first")
	require.NoError(t, databasetest.Open(t, url).Migrate(t.Context(), "notes", notes))
	require.NoError(t, db.Migrate(t.Context(), "notes", notes))
	require.NoError(t, insertNote(t.Context(), db, 1, "one"))
	require.Equal(t, 1, countNotes(t, db))
}

// BenchmarkBeside reads and writes one row, with all that opening and closing the file takes.
func BenchmarkBeside(b *testing.B) {
	url := databasetest.SQLite(b)
	require.NoError(b, databasetest.Open(b, url).Migrate(b.Context(), "notes", notes))
	db, err := database.Open(b.Context(), url, database.Options{Beside: true})
	require.NoError(b, err)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if err := db.Ping(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if err := addNote(db, fmt.Sprint(b.N, " ", n)); err != nil {
				b.Fatal(err)
			}
		}
	})
	require.NoError(b, db.Close())
}
