//go:build linux

package e2e

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tmpfs mounts a filesystem of a given size and returns its folder.
func tmpfs(t *testing.T, size string) string {
	dir := t.TempDir()
	need(t, "the right to mount a tmpfs", syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// inflate grows a file until the filesystem is full.
func inflate(t *testing.T, path string) {
	file, err := os.Create(path)
	require.NoError(t, err)
	for chunk := 64 << 10; chunk > 0; chunk /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, chunk))
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.NoError(t, file.Close())
}

func TestAFullDiskStopsWritingAndNothingElse(t *testing.T) {
	t.Parallel()
	disk := tmpfs(t, "64m") // leaves room for a checkpoint: the log alone must not fill it
	p := start(t, t.TempDir(), "DATABASE_URL=sqlite:"+disk+"/app.db")
	base := p.url(t)
	l, session := newLedger(login(t, base)), begin(t, base)
	m := newMovers(l.token, clerk(t, base, "sqlite:"+disk+"/app.db"))
	for range rounds(2, 10) {
		before := len(l.orders)
		order := create(base, l.token, "to be paid").Data.ID
		wait, waitMovers := l.writeAll(t, base, 6), m.writeAll(base, 4)
		time.Sleep(100 * time.Millisecond)
		inflate(t, filepath.Join(disk, "balloon"))
		wait() // until a write finds no free page
		waitMovers()
		require.Greater(t, len(l.orders), before, "nothing was written in this round")
		answer := create(base, l.token, "one more")
		require.Equal(t, 503, answer.status, answer.body)
		require.Equal(t, 503, answer.Code)
		readyWithin(t, base, time.Second, 503)
		require.Equal(t, 200, send("GET", base+"/healthz", "", "").status)
		require.Equal(t, 200, send("GET", base+"/user/info", l.token, "").status)
		for answer = refresh(base, session.RefreshToken); answer.ok(); answer = refresh(base, session.RefreshToken) {
			session = answer.Data // it needs fewer pages than an order
		}
		require.Equal(t, 503, answer.status, answer.body)
		answer = moveOn(base, m.staff, order, "paid")
		events := 1
		if answer.ok() { // a checkpoint may have made room in the log meanwhile
			events++
		} else {
			require.Equal(t, 503, answer.status, answer.body)
		}
		l.checkFresh(t, base)
		fresh, further := m.checkFresh(t, base) // a change is there with its event, or neither is
		t.Logf("%d orders agree with their histories, %d of them are not known to the clients that move orders on", fresh, further)
		require.Len(t, historyOf(t, base, m.staff, order), events)

		require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))
		readyWithin(t, base, 5*time.Second, 200) // without a write by a client
		answer = create(base, l.token, "there is room again")
		require.True(t, answer.ok(), answer.body)
		answer = refresh(base, session.RefreshToken)
		require.True(t, answer.ok(), answer.body)
		session = answer.Data
		paid, err := dataOf[placed](moveOn(base, m.staff, order, "paid"))
		require.NoError(t, err)
		requireAgreement(t, base, m.staff, paid)
	}
	p.stop(t)
	requireWhole(t, filepath.Join(disk, "app.db"))
	p = start(t, t.TempDir(), "DATABASE_URL=sqlite:"+disk+"/app.db")
	l.checkAll(t, p.url(t))
	requireEvents(t, p.url(t), m.staff)
}

// TestAFullDiskWhenTheWALIndexHasToGrow leaves room for the frames of an order but not for the WAL index, a file of
// its own that grows by 32 KiB once the log has 4062 frames.
func TestAFullDiskWhenTheWALIndexHasToGrow(t *testing.T) {
	t.Parallel()
	disk := tmpfs(t, "40m")
	p := start(t, t.TempDir(), "DATABASE_URL=sqlite:"+disk+"/app.db")
	base := p.url(t)
	l := newLedger(login(t, base))
	const frame = 4096 + 24
	for n := 0; ; n++ {
		log, err := os.Stat(filepath.Join(disk, "app.db-wal"))
		require.NoError(t, err)
		if log.Size() > 4057*frame {
			break
		}
		require.True(t, l.write(t, base, "the only client", n))
	}
	spacer := filepath.Join(disk, "spacer")
	require.NoError(t, os.WriteFile(spacer, make([]byte, 28<<10), 0o600))
	inflate(t, filepath.Join(disk, "balloon"))
	require.NoError(t, os.Remove(spacer))
	for n := 0; l.write(t, base, "the last client", n); n++ {
		require.Less(t, n, 100, "the disk is not full")
	}
	readyWithin(t, base, time.Second, 503)
	require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))
	readyWithin(t, base, 5*time.Second, 200)
	require.True(t, create(base, l.token, "there is room again").ok())
	l.checkAll(t, base)
	p.kill()
	p = start(t, t.TempDir(), "DATABASE_URL=sqlite:"+disk+"/app.db")
	l.checkAll(t, p.url(t))
}

// TestAServiceRecoversFromAFullDiskBesideALongRead reads as Litestream does all the time. Probes wait for a second, as those of
// Kubernetes do.
func TestAServiceRecoversFromAFullDiskBesideALongRead(t *testing.T) {
	t.Parallel()
	disk := tmpfs(t, "32m")
	p := start(t, t.TempDir(), "DATABASE_URL=sqlite:"+disk+"/app.db")
	base := p.url(t)
	l := newLedger(login(t, base))
	require.True(t, l.write(t, base, "before the read", 1))
	db, err := sql.Open("sqlite", "file:"+disk+"/app.db?mode=ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	read, err := db.Begin()
	require.NoError(t, err)
	var count int
	require.NoError(t, read.QueryRow("SELECT count(*) FROM orders").Scan(&count))

	wait := l.writeAll(t, base, 6)
	inflate(t, filepath.Join(disk, "balloon"))
	wait()
	readyWithin(t, base, 3*time.Second, 503) // not after the 5 s for which a write waits
	require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))
	require.Eventually(t, func() bool { return sendBy(impatient(time.Second), "GET", base+"/readyz", "", "").status == 200 },
		20*time.Second, 20*time.Millisecond, "it is never ready again")
	require.True(t, create(base, l.token, "there is room again").ok())
	require.NoError(t, read.Rollback())
	l.checkAll(t, base)
}

func TestAFullDiskKeepsTheLastBackups(t *testing.T) {
	t.Parallel()
	disk, dir := tmpfs(t, "96m"), t.TempDir()
	p := start(t, dir, "BACKUP_DIR="+disk, "BACKUP_EVERY=1s", "BACKUP_KEEP=2")
	base := p.url(t)
	token := login(t, base)
	awaitBackup(t, disk, time.Time{})
	inflate(t, filepath.Join(disk, "balloon"))
	require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), "level=ERROR") }, 10*time.Second, 10*time.Millisecond)
	require.Regexp(t, `level=ERROR msg="job failed" job=backup error="BACKUP_DIR: the disk has no room for another backup in `+disk+
		`: \d+ MB are free, and it needs 64 MB: make room, or keep fewer"\n`, said(t, p.stdout))
	status, _, stderr := command(t, dir, "", []string{"backup", filepath.Join(disk, "by-hand.db")}) // which looks after no room
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "database or disk is full")
	made, others := madeIn(t, disk)
	require.NotEmpty(t, made)
	require.Equal(t, []string{"balloon"}, others)
	for _, path := range made {
		requireWholeBackup(t, path)
	}
	readyWithin(t, base, time.Second, 200)
	require.True(t, create(base, token, "as ever").ok())

	require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))
	newest := awaitBackup(t, disk, time.Now())
	p.stop(t)
	require.Contains(t, said(t, p.stdout), `msg="job works again" job=backup failures=`)
	requireWholeBackup(t, newest)
}

// trace attaches strace to a process. It returns after the attachment, with a function that detaches.
func trace(t *testing.T, pid int, args ...string) (detach func()) {
	strace, err := exec.LookPath("strace")
	need(t, "strace", err)
	command := exec.Command(strace, append([]string{"-f", "-p", fmt.Sprint(pid)}, args...)...)
	stderr, err := command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	attached := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			select {
			case attached <- lines.Text():
			default:
			}
		}
	}()
	detach = func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	}
	select {
	case line := <-attached:
		if !strings.Contains(line, "attached") {
			detach()
			need(t, "the right to trace a process", fmt.Errorf("strace: %s", line))
		}
	case <-time.After(10 * time.Second):
		detach()
		require.FailNow(t, "strace does not attach")
	}
	return detach
}

func TestAFailedFlushHasAnUnknownOutcomeAndStopsWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	base := p.url(t)
	l := newLedger(login(t, base))
	detach := trace(t, p.Process.Pid, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
	answer := create(base, l.token, "nobody knows")
	require.Equal(t, 503, answer.status, answer.body)
	require.Equal(t, "结果未知，请查询后再决定是否重试", answer.Msg)
	detach() // fsync succeeds again, but the kernel may have dropped dirty pages meanwhile
	for range 3 {
		answer = create(base, l.token, "never")
		require.Equal(t, 503, answer.status)
		require.Equal(t, "服务暂不可用，请稍后重试", answer.Msg)
		require.Equal(t, 503, send("GET", base+"/readyz", "", "").status)
	}
	require.Equal(t, 200, send("GET", base+"/healthz", "", "").status)
	require.Equal(t, 200, send("GET", base+"/user/info", l.token, "").status)
	p.kill()

	p = start(t, dir)
	base = p.url(t)
	readyWithin(t, base, time.Second, 200)
	require.True(t, create(base, l.token, "after the restart").ok())
	for id := range 3 {
		answer := send("GET", fmt.Sprintf("%s/order/query/%d", base, id+1), l.token, "")
		require.NotEqual(t, "never", answer.Data.Product)
	}
	p.stop(t)
	requireWhole(t, filepath.Join(dir, "data", "app.db"))
}

var (
	walWrite = regexp.MustCompile(`pwrite64\((\d+), `)
	flush    = regexp.MustCompile(`(?:fsync|fdatasync)(?:\((\d+)\)| resumed>\)) += 0`)
	success  = regexp.MustCompile(`write\(\d+, "HTTP/1\.1 200 OK.*code\\":0`)
)

// TestAResponseIsSentAfterTheFlush traces the system calls of each order: its page is written to the log, the log is
// flushed, then the response is sent.
func TestAResponseIsSentAfterTheFlush(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	token := login(t, p.url(t))
	log := filepath.Join(t.TempDir(), "trace")
	detach := trace(t, p.Process.Pid, "-e", "trace=pwrite64,fsync,fdatasync,write", "-s", "2000", "-o", log)
	for n := range 5 {
		require.True(t, create(p.url(t), token, fmt.Sprint("order ", n)).ok())
	}
	detach()
	written, flushed, responses := false, false, 0
	for line := range strings.Lines(said(t, log)) {
		switch {
		case walWrite.MatchString(line):
			written, flushed = true, false
		case flush.MatchString(line):
			flushed = written
		case success.MatchString(line):
			require.True(t, flushed, "a response was sent before the flush:\n%s", said(t, log))
			written, flushed = false, false
			responses++
		}
	}
	require.Equal(t, 5, responses, said(t, log))
}
