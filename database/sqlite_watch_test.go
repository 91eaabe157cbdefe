//go:build unix

package database

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// logged keeps what is logged, while it is.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// openWatched opens a file of the test's with a log.
func openWatched(t *testing.T, path string) (*DB, *logged) {
	log := &logged{}
	db, err := Open(t.Context(), "sqlite:"+path, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT UNIQUE)")
		return err
	}))
	return db, log
}

// foreign makes a file of ours that has one row, and no log.
func foreign(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "other.db")
	db, _ := openWatched(t, path)
	require.NoError(t, db.Write(t.Context(), insert("of another file")))
	require.NoError(t, db.Close())
	return path
}

// bodies reads a copy of a file alone, without its log.
func bodies(t *testing.T, path string) (bodies []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(copied, text, 0o600))
	db, err := sql.Open("sqlite", copied)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.Query("SELECT body FROM notes ORDER BY id")
	require.NoError(t, err)
	for rows.Next() {
		var body string
		require.NoError(t, rows.Scan(&body))
		bodies = append(bodies, body)
	}
	require.NoError(t, rows.Err())
	return bodies
}

// stops writes until a write is refused, and returns what was acknowledged.
func stops(t *testing.T, db *DB) (acknowledged []string) {
	t.Helper()
	for began := time.Now(); ; {
		body := fmt.Sprint("note ", len(acknowledged))
		err := db.Write(t.Context(), insert(body))
		if err == nil {
			acknowledged = append(acknowledged, body)
			require.Less(t, time.Since(began), 2*time.Second, "writes go on")
			continue
		}
		require.ErrorIs(t, err, ErrUnavailable)
		require.NotErrorIs(t, err, ErrOutcomeUnknown)
		return acknowledged
	}
}

func TestAFileThatLosesItsNameTakesNoMoreWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// happen does something to data/app.db, to which link leads. It returns where that file is now, "" for nowhere.
		happen func(t *testing.T, folder string) (now string)
		want   string
	}{
		{"moved", func(t *testing.T, folder string) string {
			require.NoError(t, os.Rename(folder+"/data/app.db", folder+"/old.db"))
			return folder + "/old.db"
		}, "/link was moved or deleted while it was in use: stop the service, put the file back or restore a backup, and start it"},
		{"moved with its folder", func(t *testing.T, folder string) string {
			require.NoError(t, os.Rename(folder+"/data", folder+"/old"))
			return folder + "/old/app.db"
		}, "/link was moved or deleted"},
		{"deleted", func(t *testing.T, folder string) string {
			require.NoError(t, os.Remove(folder+"/data/app.db"))
			return ""
		}, "/link was moved or deleted"},
		{"deleted with its log", func(t *testing.T, folder string) string {
			require.NoError(t, os.RemoveAll(folder+"/data"))
			return ""
		}, "/link was moved or deleted"},
		{"replaced by a rename over it", func(t *testing.T, folder string) string {
			require.NoError(t, os.Rename(foreign(t), folder+"/data/app.db"))
			return ""
		}, "another file has taken the place of"},
		{"moved and replaced", func(t *testing.T, folder string) string {
			require.NoError(t, os.Rename(folder+"/data/app.db", folder+"/old.db"))
			require.NoError(t, os.Rename(foreign(t), folder+"/data/app.db"))
			return folder + "/old.db"
		}, "another file has taken the place of"},
		{"its link leads elsewhere", func(t *testing.T, folder string) string {
			require.NoError(t, os.Symlink(foreign(t), folder+"/new"))
			require.NoError(t, os.Rename(folder+"/new", folder+"/link"))
			return folder + "/data/app.db"
		}, "another file has taken the place of"},
		{"its link is gone", func(t *testing.T, folder string) string {
			require.NoError(t, os.Remove(folder+"/link"))
			return folder + "/data/app.db"
		}, "/link was moved or deleted"},
		{"its link follows it, so that its log stays behind", func(t *testing.T, folder string) string {
			require.NoError(t, os.Symlink(folder+"/old.db", folder+"/new"))
			require.NoError(t, os.Rename(folder+"/data/app.db", folder+"/old.db"))
			require.NoError(t, os.Rename(folder+"/new", folder+"/link"))
			return folder + "/old.db"
		}, "/link was moved or deleted"},
		{"its log is removed", func(t *testing.T, folder string) string {
			require.NoError(t, os.Remove(folder+"/data/app.db-wal"))
			return folder + "/data/app.db"
		}, "/data/app.db-wal was removed while it was in use: restart the service"},
		{"its log is replaced", func(t *testing.T, folder string) string {
			require.NoError(t, os.WriteFile(folder+"/new", []byte("a log"), 0o600))
			require.NoError(t, os.Rename(folder+"/new", folder+"/data/app.db-wal"))
			return folder + "/data/app.db"
		}, "/data/app.db-wal was removed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := realPath(t.TempDir())
			require.NoError(t, os.Mkdir(folder+"/data", 0o700))
			require.NoError(t, os.WriteFile(folder+"/data/app.db", nil, 0o600))
			require.NoError(t, os.Symlink("data/app.db", folder+"/link"))
			db, log := openWatched(t, folder+"/link")
			require.NoError(t, db.Write(t.Context(), insert("before")))
			now := test.happen(t, folder)
			acknowledged := append([]string{"before"}, stops(t, db)...)

			require.ErrorIs(t, db.Ping(t.Context()), ErrUnavailable)
			what, remedy, _ := strings.Cut(test.want, ": ")
			for _, refusal := range []error{db.Ping(t.Context()), db.Write(t.Context(), insert("after"))} {
				require.ErrorContains(t, refusal, what)
				require.False(t, remedy != "" && strings.Contains(refusal.Error(), remedy), "each refused write repeats the remedy")
			}
			require.Equal(t, len(acknowledged), count(t, db), "reads go on")
			time.Sleep(2 * watchInterval) // for a second line
			if now != "" {
				require.Equal(t, acknowledged, bodies(t, now), "a crash would lose something")
			}
			require.NoError(t, db.Close())
			require.NoError(t, db.Close())
			require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			require.Contains(t, log.String(), `level=ERROR msg="no more writes until a restart" error="`)
			require.Contains(t, log.String(), test.want)
			if now != "" {
				require.Equal(t, acknowledged, bodies(t, now))
			}
		})
	}
}

func TestTheLogOfAFileThatWasReplacedIsNotAppliedToTheNewOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	for _, pause := range []time.Duration{0, 2 * watchInterval} { // noticed by the stop, and before
		for _, step := range []string{"replaced", "deleted, then replaced"} {
			_ = os.Remove(path)
			db, _ := openWatched(t, path)
			require.NoError(t, db.Write(t.Context(), insert("before")))
			if step != "replaced" {
				require.NoError(t, os.Remove(path))
				time.Sleep(pause)
			}
			require.NoError(t, os.Rename(foreign(t), path))
			time.Sleep(pause)
			require.NoError(t, db.Close())

			db, _ = openWatched(t, path)
			var body string
			require.NoError(t, db.QueryRow(t.Context(), "SELECT body FROM notes").Scan(&body))
			require.Equal(t, "of another file", body)
			require.NoError(t, db.Close())
		}
	}
}

func TestAStartWithoutTheFileThatWasMovedIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	db, _ := openWatched(t, path)
	require.NoError(t, db.Write(t.Context(), insert("before")))
	require.NoError(t, os.Rename(path, path+".old"))
	acknowledged := append([]string{"before"}, stops(t, db)...)
	require.NoError(t, db.Close())
	_, err := Open(t.Context(), "sqlite:"+path, Options{})
	require.ErrorIs(t, err, errLogAlone)

	require.NoError(t, os.Rename(path+".old", path))
	db, _ = openWatched(t, path)
	require.Equal(t, len(acknowledged), count(t, db))
	require.NoError(t, db.Write(t.Context(), insert("after the restart")))
}

func TestAFileThatIsPutBackTakesNoWritesUntilARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	db, _ := openWatched(t, path)
	require.NoError(t, os.Rename(path, path+".old"))
	acknowledged := stops(t, db)
	require.NoError(t, os.Rename(path+".old", path))
	time.Sleep(2 * watchInterval)
	require.ErrorIs(t, db.Write(t.Context(), insert("too late")), ErrUnavailable)
	require.NoError(t, db.Close())
	require.Len(t, bodies(t, path), len(acknowledged))
	require.NoFileExists(t, path+"-wal")
}

// TestOrdinaryOperationNeverLooksLikeALostFile covers what touches the file and its log in a day.
func TestOrdinaryOperationNeverLooksLikeALostFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "app.db")
	db, log := openWatched(t, path)
	ctx, stop := context.WithTimeout(t.Context(), 4*watchInterval)
	defer stop()
	for n := 0; ctx.Err() == nil; n++ {
		for range 20 {
			require.NoError(t, db.Write(t.Context(), insert(fmt.Sprint(n, time.Now().UnixNano(), strings.Repeat("x", 5000)))))
		}
		require.NoError(t, Backup(t.Context(), "sqlite:"+path, filepath.Join(folder, fmt.Sprint("backup", n))))
		other, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		for _, mode := range []string{"PASSIVE", "FULL", "RESTART", "TRUNCATE"} {
			_, err = other.Exec("PRAGMA wal_checkpoint(" + mode + ")")
			require.NoError(t, err)
		}
		_, err = other.Exec("PRAGMA busy_timeout = 5000; VACUUM")
		require.NoError(t, err)
		require.NoError(t, other.Close())
		require.NoError(t, os.Chmod(path, 0o640))
		file, err := os.Open(path + "-shm") // and not the file, whose locks this process would lose
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	require.NoError(t, db.Ping(t.Context()))
	require.NoError(t, db.Close())
	require.Empty(t, log.String())
}

func TestAnErrorThatTellsNothingOfTheFileIsNoReasonToStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	file, err := os.Stat(path)
	require.NoError(t, err)
	for path, want := range map[string]place{
		path: intact, strings.Repeat("x", 1000): intact, path + "/app.db": gone, path + ".none": gone, filepath.Dir(path): replaced,
	} {
		require.Equal(t, want, locate(path, file), path)
	}
}

func BenchmarkALookAtTheFile(b *testing.B) {
	_, file, _ := openFile(b)
	for b.Loop() {
		if file.writer.watch.look() != intact {
			b.Fatal("it is lost")
		}
	}
}
