//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireWritesStop writes until the service refuses, which it must do within 1.5 seconds of now and for good.
func requireWritesStop(t *testing.T, base string, l *ledger) {
	t.Helper()
	began := time.Now()
	for n := 0; l.write(t, base, "a client after the move", n); n++ {
		require.Less(t, time.Since(began), 1500*time.Millisecond, "writes go on")
	}
	require.Less(t, time.Since(began), 1500*time.Millisecond)
	answer := create(base, l.token, "too late")
	require.Equal(t, 503, answer.status, answer.body)
	require.Equal(t, "服务暂不可用，请稍后重试", answer.Msg)
	require.Equal(t, 503, send("GET", base+"/readyz", "", "").status)
	require.Equal(t, 200, send("GET", base+"/healthz", "", "").status)
	require.Equal(t, 200, send("GET", base+"/user/info", l.token, "").status, "reads go on")
}

func TestAMovedFileStopsWritesAndHasEverythingAcknowledged(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"stopped", "killed"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "data", "app.db")
			p := start(t, dir)
			base := p.url(t)
			require.Contains(t, said(t, p.stdout), " database=new ")
			l := newLedger(login(t, base))
			wait := l.writeAll(t, base, 8)
			time.Sleep(200 * time.Millisecond)
			require.NoError(t, os.Rename(file, file+".moved"))
			requireWritesStop(t, base, l)
			wait()
			time.Sleep(1200 * time.Millisecond) // for a second line
			log := said(t, p.stdout)
			require.Equal(t, 1, strings.Count(log, `msg="no more writes until a restart"`), log)
			require.Regexp(t, `level=ERROR msg="no more writes until a restart" error="\S+/data/app.db was moved or deleted while it was in use: `+
				`stop the service, put the file back or restore a backup, and start it"`, log)
			require.Equal(t, 1, strings.Count(log, "put the file back"), "each refused write repeats the remedy")
			if end == "killed" {
				p.kill()
			} else {
				p.stop(t)
			}

			p = start(t, dir)
			require.Equal(t, 1, p.exit(t), "it started with an empty database")
			require.Contains(t, said(t, p.stderr), "its -wal exists and may hold every acknowledged write: restore the file")
			require.NoError(t, os.Rename(file+".moved", file))
			p = start(t, dir)
			base = p.url(t)
			require.Contains(t, said(t, p.stdout), " database=existing ")
			require.NotEmpty(t, l.orders)
			l.checkAll(t, base)
			require.True(t, create(base, l.token, "after the restart").ok())
			p.stop(t)
			requireWhole(t, file)
		})
	}
}

// TestARestoreWithoutAStopStopsWrites: what was acknowledged before it is gone with the file, as the operator wants, and
// the log beside it does no harm to the backup.
func TestARestoreWithoutAStopStopsWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "data", "app.db")
	p := start(t, dir)
	l := newLedger(login(t, p.url(t)))
	p.stop(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file+".backup", text, 0o600))

	p = start(t, dir)
	base := p.url(t)
	require.True(t, l.write(t, base, "a client", 1))
	require.NoError(t, os.Rename(file+".backup", file))
	requireWritesStop(t, base, l)
	require.Contains(t, said(t, p.stdout), "/data/app.db while it was in use: stop the service, see that the right file is there, and start it")
	p.kill()
	p = start(t, dir)
	base = p.url(t)
	answer := send("GET", base+"/order/query/1", l.token, "")
	require.Equal(t, 1, answer.Code, "it is in the file that was replaced: %s", answer.body)
	require.True(t, create(base, l.token, "after the restore").ok())
	p.stop(t)
	requireWhole(t, file)
}

func TestAPipeInPlaceOfTheDatabaseFailsTheStartAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.NoError(t, os.Symlink("pipe", filepath.Join(dir, "link")))
	for _, url := range []string{"sqlite:/dev/null", "sqlite:pipe", "sqlite:link"} {
		began := time.Now()
		p := start(t, dir, "DATABASE_URL="+url)
		require.Equal(t, 1, p.exit(t))
		require.Less(t, time.Since(began), 5*time.Second)
		require.Contains(t, said(t, p.stderr), "and must be a regular file: name another path")
		requireOneLine(t, said(t, p.stderr))
	}
}

func TestAPipeInPlaceOfASecretHoldsUpNeitherAStartNorAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "data", "jwt_secret")
	require.NoError(t, os.Mkdir(filepath.Dir(pipe), 0o700))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	p := start(t, dir, "JWT_SECRET=")
	require.Equal(t, 1, p.exit(t))
	require.Contains(t, said(t, p.stderr), "jwt_secret must be a regular file")

	p = start(t, dir, "JWT_SECRET=", "JWT_SECRET_FILE="+pipe)
	require.Eventually(t, func() bool { // a writer that has nothing to say, once the service waits for it
		_, err := syscall.Open(pipe, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		return err == nil
	}, 5*time.Second, 10*time.Millisecond)
	p.stop(t)
	require.Empty(t, said(t, p.stderr))
}
