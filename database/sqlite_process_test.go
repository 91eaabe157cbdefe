package database_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
)

// roles are what a process that spawn starts does to a database. It prints a line for each write that was acknowledged.
var roles = map[string]func(url string) error{
	"serve":  serveNotes,
	"hold":   holdNotes,
	"write":  func(url string) error { return writeBeside(url, 200) },
	"insist": insistBeside,
	"stall":  stallBeside,
	"read":   readBeside,
	"restore": func(url string) error {
		_, err := database.RestoreBy(context.Background(), url, os.Getenv("BACKUP"), prepareNotes, killAt)
		return err
	},
}

// TestMain runs a role instead of the tests if spawn has started this process.
func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv("ROLE")]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv("URL")); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is another process that works on a database.
type process struct {
	*exec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

func spawn(t *testing.T, role, url string, environ ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(append(os.Environ(), "ROLE="+role, "URL="+url), environ...)
	p.Stderr = &p.stderr
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewScanner(stdout)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// await reads lines up to one that is wanted and returns those before it.
func (p *process) await(t *testing.T, want string) (before []string) {
	t.Helper()
	for p.lines.Scan() {
		if p.lines.Text() == want {
			return before
		}
		before = append(before, p.lines.Text())
	}
	require.FailNow(t, "it has ended without "+want, p.stderr.String())
	return nil
}

// end returns what is left of the lines, after the process was killed if kill is set.
func (p *process) end(t *testing.T, kill bool) (lines []string) {
	t.Helper()
	if kill {
		require.NoError(t, p.Process.Kill())
	}
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	if err := p.Wait(); !kill {
		require.NoError(t, err, p.stderr.String())
	}
	return lines
}

// die waits until the process has killed itself.
func (p *process) die(t *testing.T) {
	t.Helper()
	require.Error(t, p.Wait())
	require.Equal(t, "signal: killed", p.ProcessState.String(), p.stderr.String())
}

// serveNotes owns the file and adds notes from eight callers until it is killed.
func serveNotes(url string) error {
	db, err := database.Open(context.Background(), url, database.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, err = load(db, func() bool { return false }, func(body string) { fmt.Println(body) })
	return err
}

// holdNotes owns the file and makes the notes of backedUp in the log alone.
func holdNotes(url string) error {
	db, err := database.Open(context.Background(), url, database.Options{})
	if err != nil {
		return err
	}
	for _, body := range []string{"only in the log ", "old "} {
		if _, err := db.Exec(context.Background(), "UPDATE notes SET body = $1 || id", body); err != nil {
			return err
		}
	}
	fmt.Println("open")
	time.Sleep(time.Minute)
	return nil
}

// load adds notes from eight callers until over, and returns how many.
func load(db *database.DB, over func() bool, acknowledged func(body string)) (writes int64, err error) {
	var group sync.WaitGroup
	var count atomic.Int64
	var failed atomic.Pointer[error]
	for range 8 {
		group.Go(func() {
			for !over() && failed.Load() == nil {
				body := fmt.Sprintf("service %d %d", os.Getpid(), count.Add(1))
				if err := addNote(db, body); err != nil {
					failed.Store(&err)
					return
				}
				acknowledged(body)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return count.Load(), *err
	}
	return count.Load(), nil
}

func addNote(db *database.DB, body string) error {
	_, err := db.Exec(context.Background(),
		"INSERT INTO notes (id, body) SELECT coalesce(max(id), 0) + 1, $1 FROM notes", body)
	return err
}

func writeBeside(url string, writes int) error {
	db, err := database.Open(context.Background(), url, database.Options{Beside: true})
	if err != nil {
		return err
	}
	var longest time.Duration
	for n := range writes {
		began, body := time.Now(), fmt.Sprintf("beside %d %d", os.Getpid(), n)
		if err := addNote(db, body); err != nil {
			return err
		}
		longest = max(longest, time.Since(began))
		fmt.Println(body)
	}
	fmt.Println("longest", longest)
	return db.Close()
}

// insistBeside reads and writes until it is killed, while the file may be away.
func insistBeside(url string) error {
	db, err := database.Open(context.Background(), url, database.Options{Beside: true})
	if err != nil {
		return err
	}
	fmt.Println("open")
	for n := 0; ; n++ {
		var count int
		err := db.QueryRow(context.Background(), "SELECT count(*) FROM notes").Scan(&count)
		if err == nil {
			err = addNote(db, fmt.Sprintf("beside %d %d", os.Getpid(), n))
		}
		if err != nil && !errors.Is(err, database.ErrUnavailable) {
			return err
		}
	}
}

// stallBeside stays in the middle of a transaction.
func stallBeside(url string) error {
	db, err := database.Open(context.Background(), url, database.Options{Beside: true})
	if err != nil {
		return err
	}
	return db.Write(context.Background(), func(tx *database.Tx) error {
		for n := range 500 {
			body := fmt.Sprint("lost ", n, strings.Repeat("x", 3000))
			if _, err := tx.Exec("INSERT INTO notes (id, body) VALUES ($1, $2)", -1-n, body); err != nil {
				return err
			}
		}
		fmt.Println("inside")
		_, err := io.Copy(io.Discard, os.Stdin)
		time.Sleep(time.Minute)
		return err
	})
}

// readBeside reads without a pause until it is killed.
func readBeside(url string) error {
	db, err := database.Open(context.Background(), url, database.Options{Beside: true})
	if err != nil {
		return err
	}
	fmt.Println("open")
	for last := 0; ; {
		var count int
		if err := db.QueryRow(context.Background(), "SELECT count(*) FROM notes").Scan(&count); err != nil {
			return err
		}
		if count < last {
			return fmt.Errorf("%d rows after %d", count, last)
		}
		last = count
	}
}

// requireNotes checks the file and that it has these notes.
func requireNotes(t *testing.T, url string, want []string) {
	t.Helper()
	path, _ := database.SQLitePath(url)
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var verdict string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
	rows, err := db.Query("SELECT body FROM notes")
	require.NoError(t, err)
	there := map[string]bool{}
	for rows.Next() {
		var body string
		require.NoError(t, rows.Scan(&body))
		require.False(t, strings.HasPrefix(body, "lost"), "half of a transaction was kept")
		there[body] = true
	}
	require.NoError(t, rows.Err())
	for _, body := range want {
		require.True(t, there[body], "%q is lost", body)
	}
}
