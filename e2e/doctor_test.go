//go:build linux

package e2e

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// doctor runs userorder doctor in dir with the settings of a service, and returns its report and exit status.
func doctor(t *testing.T, dir string, settings ...string) (report string, status int) {
	t.Helper()
	p := userorder(t, dir, []string{"doctor"}, settings...)
	status = p.exit(t)
	require.Empty(t, said(t, p.stderr))
	return said(t, p.stdout), status
}

func TestTheDoctorFindsNothingBesideAServiceUnderLoadAndDisturbsNoRequest(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir, backups, port := t.TempDir(), t.TempDir(), freePort(t)
			settings := []string{fmt.Sprint("PORT=", port), fmt.Sprint("PUBLIC_URL=http://127.0.0.1:", port)}
			if engine == "sqlite" {
				settings = append(settings, "BACKUP_DIR="+backups)
			} else {
				settings = append(settings, "DATABASE_URL="+databasetest.Postgres(t))
			}
			p := start(t, dir, settings...)
			base := p.url(t)
			if engine == "sqlite" {
				require.Eventually(t, func() bool {
					made, err := filepath.Glob(filepath.Join(backups, "app-*Z.db"))
					return err == nil && len(made) == 1
				}, 20*time.Second, 20*time.Millisecond, "no backup was made")
			}
			l, over := newLedger(login(t, base)), make(chan struct{})
			wait := l.writeOn(t, base, 8, over)
			l.await(t, 100)
			for range 5 {
				report, status := doctor(t, dir, settings...)
				require.Zero(t, status, report)
				require.Regexp(t, `(?m)^ok +damage +none$`, report)
				require.Regexp(t, `(?m)^ok +proxy +http://\S+ answers in `, report)
				require.Regexp(t, `\n\n\d+ ok, 0 warnings, 0 faults\n$`, report)
				t.Logf("after %d orders:\n%s", l.count(), report)
			}
			close(over)
			wait()
			require.Zero(t, l.unknown+l.unavailable, "a request failed")
			l.checkAll(t, base)
			p.stop(t)
			require.NotContains(t, said(t, p.stdout), "level=ERROR")
			if engine == "sqlite" {
				require.NoFileExists(t, filepath.Join(dir, "data", "app.db-wal"), "something had the file open still")
			}
		})
	}
}

// digest returns the content of files as a short text.
func digest(t *testing.T, files ...string) (text string) {
	t.Helper()
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotEmpty(t, content, file)
		text += fmt.Sprintf("%x ", sha256.Sum256(content))
	}
	return text
}

func TestTheDoctorLeavesTheLogOfAKilledServiceAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	base := p.url(t)
	l := newLedger(login(t, base))
	wait := l.writeAll(t, base, 4)
	l.await(t, 50)
	p.kill()
	wait()
	file := filepath.Join(dir, "data", "app.db")
	before := digest(t, file, file+"-wal")
	for range 3 {
		report, status := doctor(t, dir)
		require.Equal(t, 1, status, report)
		require.Regexp(t, `(?m)^warning +backup +BACKUP_DIR is not set`, report)
		require.Equal(t, 1, strings.Count(report, "warning  "), report)
		require.NotContains(t, report, "\nfault")
		require.Equal(t, before, digest(t, file, file+"-wal"))
	}
	p = start(t, dir)
	l.checkAll(t, p.url(t))
	p.stop(t)
	stopped := digest(t, file)
	_, status := doctor(t, dir)
	require.Equal(t, 1, status)
	require.Equal(t, stopped, digest(t, file))
	require.NoFileExists(t, file+"-wal")
	require.NoFileExists(t, file+"-shm")
}

func TestTheDoctorTellsThatADiskIsFull(t *testing.T) {
	t.Parallel()
	disk := tmpfs(t, "128m")
	settings := []string{"DATABASE_URL=sqlite:" + disk + "/app.db"}
	p := start(t, t.TempDir(), settings...)
	token := login(t, p.url(t))
	report, _ := doctor(t, t.TempDir(), settings...)
	require.Regexp(t, `(?m)^(ok|warning) +space +1\d\d\.\d MiB free; `, report)
	inflate(t, filepath.Join(disk, "balloon"))
	for create(p.url(t), token, "until no page is free").ok() {
		continue
	}
	report, status := doctor(t, t.TempDir(), settings...)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +space +\S+ \S+ free; the last day took .*, and the log needs 6\d\.\d MiB → make room, `, report)
	require.Regexp(t, `(?m)^ok +damage +none$`, report)
	p.kill()
}

// TestTheDoctorEndsThoughNothingAnswers asks servers that accept connections and say nothing.
func TestTheDoctorEndsThoughNothingAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts in its name
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	silent := listener.Addr().String()
	began := time.Now()
	report, status := doctor(t, t.TempDir(), "DATABASE_URL=postgres://me:hunter2@"+silent+"/db?sslmode=disable",
		"SMTP_URL=smtp://me:hunter2@"+silent, "MAIL_FROM=shop@shop.example", "RESET_URL=https://shop.example/?t={token}", "PUBLIC_URL=http://"+silent)
	require.Equal(t, 2, status)
	for _, check := range []string{"database", "mail", "proxy"} {
		require.Regexp(t, `(?m)^fault +`+check+` `, report)
	}
	require.NotContains(t, report, "hunter2")
	require.Less(t, time.Since(began), time.Minute)
	t.Logf("after %s:\n%s", time.Since(began).Round(time.Second), report)
}

// TestTheDoctorTellsThatADiskIsFullBeforeTheServiceIsStarted leaves no room for the log, without which nothing can be read
// while a service has the file open.
func TestTheDoctorTellsThatADiskIsFullBeforeTheServiceIsStarted(t *testing.T) {
	t.Parallel()
	disk, dir := tmpfs(t, "16m"), t.TempDir()
	settings := []string{"DATABASE_URL=sqlite:" + disk + "/app.db"}
	p := start(t, dir, settings...)
	p.url(t)
	p.stop(t)
	inflate(t, filepath.Join(disk, "balloon"))
	files := func() (names []string) {
		entries, err := os.ReadDir(disk)
		require.NoError(t, err)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	before := files()
	report, status := doctor(t, dir, settings...)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +space +0 bytes free; .* → make room, `, report)
	require.Equal(t, 1, strings.Count(report, "fault  "), report)
	require.Equal(t, before, files())

	p = userorder(t, dir, nil, settings...)
	require.Equal(t, 1, p.exit(t))
	require.Contains(t, said(t, p.stderr), "DATABASE_URL: open sqlite:"+disk+"/app.db: the disk is full: make room (")

	require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))
	p = start(t, dir, settings...)
	login(t, p.url(t))
	p.kill()
	require.NoError(t, os.Remove(filepath.Join(disk, "app.db-shm"))) // as after a restore of the other files
	inflate(t, filepath.Join(disk, "balloon"))
	report, status = doctor(t, dir, settings...)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +database +open \S+: the disk is full \(.*\) → make room$`, report)
}

func TestTheDoctorOfAnotherUserSaysWhoMayRunIt(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	binary, err := build()
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o700, 0o755} {
		dir, err := os.MkdirTemp("", "userorder-doctor-") // not t.TempDir, which only its owner can enter
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		require.NoError(t, os.Chmod(dir, 0o755))
		data, backups := filepath.Join(dir, "data"), filepath.Join(dir, "backups")
		require.NoError(t, os.Mkdir(data, mode))
		require.NoError(t, os.Mkdir(backups, 0o755))
		settings := []string{"BACKUP_DIR=" + backups, "JWT_SECRET="} // so that it is in a file
		service := start(t, dir, settings...)
		service.url(t)
		awaitBackup(t, backups, time.Time{})
		for _, running := range []bool{true, false} {
			if !running {
				service.stop(t)
			}
			command := exec.Command(binary, "doctor")
			asNobody(command)
			p := launch(t, dir, command, settings...)
			require.Equal(t, 2, p.exit(t))
			report := said(t, p.stdout)
			for _, check := range []string{"secret", "database"} {
				require.Regexp(t, `(?m)^fault +`+check+` +.*permission denied.* → run it as the user of the service$`, report)
			}
			require.Regexp(t, `(?m)^fault +backup +write to \S+backups: permission denied → let the user of the service write there$`, report)
			for line := range strings.Lines(report) {
				if strings.HasPrefix(line, "fault") || strings.HasPrefix(line, "warning") {
					require.Contains(t, line, " → ")
				}
			}
		}
	}
}

func TestTheDoctorTellsThatNoBackupCanBeMade(t *testing.T) {
	t.Parallel()
	dir, disk := t.TempDir(), tmpfs(t, "96m")
	settings := []string{"BACKUP_DIR=" + disk}
	p := start(t, dir, settings...)
	p.url(t)
	awaitBackup(t, disk, time.Time{})
	report, _ := doctor(t, dir, settings...)
	require.Regexp(t, `(?m)^ok +backup `, report)
	inflate(t, filepath.Join(disk, "balloon"))
	report, status := doctor(t, dir, settings...)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +backup +the disk has no room for another backup in \S+: 0 MB are free, and it needs 6\d MB → make room, or keep fewer$`, report)
	require.NoError(t, os.Remove(filepath.Join(disk, "balloon")))

	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	report, status = doctor(t, dir, settings...)
	require.Equal(t, 2, status)
	require.Regexp(t, `(?m)^fault +backup +write to \S+: read-only file system → `, report)
	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=96m"))
	p.stop(t)
}
