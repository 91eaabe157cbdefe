//go:build unix

package e2e

import (
	"fmt"
	"net"
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

func TestAFailedStartPrintsItsReason(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	folder := t.TempDir()
	noise := filepath.Join(folder, "noise.db")
	require.NoError(t, os.WriteFile(noise, []byte(strings.Repeat("noise", 1000)), 0o600))

	modules := regexp.MustCompile(`knows only: [a-z, ]+\.`) // whatever there are
	for _, test := range []struct {
		name     string
		settings []string
		status   int
		stderr   string
	}{
		{"a wrong setting", []string{"PORT=http"}, 2,
			"wrong settings:\nPORT is \"http\" but must be a whole number from 0 to 65535.\n"},
		{"several wrong settings", []string{"TOKEN_TTL=60", "MODULES=users", "JWT_SECRET=jwt-secret-string"}, 2,
			"wrong settings:\nMODULES has \"users\" but knows only: ….\n" +
				"TOKEN_TTL is \"60\" but must be a time from 1s to 8784h, like 90s, 15m or 1h.\n" +
				"JWT_SECRET is the tutorial's secret, which everybody knows.\n"},
		{"a trusted proxy that is not a network", []string{"TRUSTED_PROXIES=10.0.0.0/33"}, 2,
			"wrong settings:\nTRUSTED_PROXIES has \"10.0.0.0/33\" but takes networks like 10.0.0.0/8 or fd00::/8.\n"},
		{"a path as another program writes it", []string{"DATABASE_URL=sqlite:///app.db"}, 2,
			"wrong settings:\nDATABASE_URL is sqlite:///app.db: write sqlite:app.db, or sqlite:/app.db for a path from the root folder.\n"},
		{"a folder in a folder that is not there", []string{"DATABASE_URL=sqlite:" + folder + "/new/folder/app.db"}, 1,
			"userorder: DATABASE_URL: open sqlite:" + folder + "/new/folder/app.db: there is no folder " + folder + "/new: " +
				"make it, or name another path\n"},
		{"an ops address without a port", []string{"OPS_ADDR=127.0.0.1"}, 2,
			"wrong settings:\nOPS_ADDR is \"127.0.0.1\" but must be off or HOST:PORT, like 127.0.0.1:5001.\n"},
		{"an ops address in use", []string{"OPS_ADDR=127.0.0.1:" + port}, 1,
			"userorder: port " + port + " is taken: stop the other program, or set OPS_ADDR to another port: " +
				"listen tcp 127.0.0.1:" + port + ": bind: address already in use\n"},
		{"an ops address that cannot be", []string{"OPS_ADDR=*:" + port}, 2,
			"wrong settings:\nOPS_ADDR is \"*:" + port + "\" but its host must be an address: 0.0.0.0 or :: is all of this machine's.\n"},
		{"a port in use", []string{"PORT=" + port}, 1,
			"userorder: port " + port + " is taken: stop the other program, or set PORT to another port: " +
				"listen tcp 127.0.0.1:" + port + ": bind: address already in use\n"},
		{"a database that is a folder", []string{"DATABASE_URL=sqlite:" + folder}, 1,
			"userorder: DATABASE_URL: open sqlite:" + folder + ": it is a folder and must be a regular file: " +
				"name another path\n"},
		{"a file that is not a database", []string{"DATABASE_URL=sqlite:" + noise}, 1,
			"userorder: DATABASE_URL: open sqlite:" + noise + ": it is not a database of this program: restore a backup if it was one, or name another path"},
		{"a server that does not respond", []string{"DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/db"}, 1,
			"userorder: DATABASE_URL: open postgres://me@127.0.0.1:1/db: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, t.TempDir(), test.settings...)
			require.Equal(t, test.status, p.exit(t))
			stderr := modules.ReplaceAllString(said(t, p.stderr), "knows only: ….")
			require.True(t, strings.HasPrefix(stderr, test.stderr), "%s\ninstead of\n%s", stderr, test.stderr)
			if test.status == 1 {
				requireOneLine(t, stderr)
			}
		})
	}
}

func TestAnInvalidCommandPrintsTheUsage(t *testing.T) {
	t.Parallel()
	binary, err := build()
	require.NoError(t, err)
	for _, args := range [][]string{{"sevre"}, {"serve", "5000"}, {"backup"}, {"backup", "a", "b"}, {"migrate-data", "--from", "sqlite:a"}} {
		p := launch(t, t.TempDir(), exec.Command(binary, args...))
		require.Equal(t, 2, p.exit(t))
		require.Contains(t, said(t, p.stderr), "usage: userorder [command]")
	}
}

func TestHelpVersionAndConfigSucceed(t *testing.T) {
	t.Parallel()
	binary, err := build()
	require.NoError(t, err)
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"version"}, {"config"}} {
		p := launch(t, t.TempDir(), exec.Command(binary, args...))
		require.Equal(t, 0, p.exit(t), args)
		require.Empty(t, said(t, p.stderr))
		require.NotEmpty(t, said(t, p.stdout))
		require.NotContains(t, said(t, p.stdout), secret)
	}
}

// uid returns the number of the user that runs the program.
func (p *program) uid() int {
	if p.SysProcAttr != nil && p.SysProcAttr.Credential != nil {
		return int(p.SysProcAttr.Credential.Uid)
	}
	return os.Getuid()
}

// asNobody makes a command run as an unprivileged user, since root can write to any folder.
func asNobody(command *exec.Cmd) {
	if os.Getuid() != 0 {
		return // the tests run without privileges already
	}
	const nobody = 65534
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

func TestAnUnwritableFolderFailsTheStart(t *testing.T) {
	t.Parallel()
	binary, err := build()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "userorder-readonly-") // not t.TempDir, which only its owner can enter
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	for _, path := range []string{"app.db", "data/app.db"} {
		command := exec.Command(binary)
		asNobody(command)
		p := launch(t, dir, command, "DATABASE_URL=sqlite:"+path)
		require.Equal(t, 1, p.exit(t))
		stderr := said(t, p.stderr)
		require.Contains(t, stderr, "userorder: DATABASE_URL: open sqlite:"+path+": ")
		require.Regexp(t, fmt.Sprintf(`permission denied: let this user \(uid %d\) write there, or name another path\n$`, p.uid()), stderr)
		requireOneLine(t, stderr)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestASecondProcessOnTheSameFileExitsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	token := login(t, first.url(t))
	began := time.Now()
	second := start(t, dir, "DATABASE_URL=sqlite:./data/app.db")
	require.Equal(t, 1, second.exit(t))
	require.Less(t, time.Since(began), time.Second)
	stderr := said(t, second.stderr)
	requireOneLine(t, stderr)
	require.Contains(t, stderr, "open sqlite:./data/app.db: another process is using it")
	require.True(t, create(first.url(t), token, "by the first process").ok())
	first.kill()
	third := start(t, dir) // the lock ended with the process
	require.True(t, send("GET", third.url(t)+"/order/query/1", token, "").ok())
}

func TestSIGTERMSIGINTAndSIGHUPExitWithStatus0(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		p := start(t, t.TempDir())
		p.url(t)
		require.NoError(t, p.Process.Signal(signal))
		require.Equal(t, 0, p.exit(t))
		require.Empty(t, said(t, p.stderr))
	}
}

func TestUnderNohupASIGHUPIsIgnored(t *testing.T) {
	t.Parallel()
	binary, err := build()
	require.NoError(t, err)
	p := launch(t, t.TempDir(), exec.Command("sh", "-c", `trap "" HUP; exec "$0"`, binary)) // as nohup does
	base := p.url(t)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	time.Sleep(200 * time.Millisecond) // within which it would say that it stops
	require.Equal(t, 200, send("GET", base+"/readyz", "", "").status)
	require.NotContains(t, said(t, p.stdout), "msg=stopping")
	p.stop(t)
}

func TestAVariableThatIsNearlyASettingIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "DATABSE_URL=postgres://me:hunter2@127.0.0.1/db", "JWT_SECRET_KEY=hunter2", "HOSTNAME=me", "LANG=C")
	p.url(t)
	log := said(t, p.stdout)
	require.Contains(t, log, `level=WARN msg="this variable is not a setting" variable=DATABSE_URL meant=DATABASE_URL`)
	require.Contains(t, log, `level=WARN msg="this variable is not a setting" variable=JWT_SECRET_KEY meant=JWT_SECRET`)
	require.Equal(t, 2, strings.Count(log, "level=WARN"), log)
	require.NotContains(t, log, "hunter2")
	p.stop(t)
}

func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "JWT_SECRET=")
	login(t, p.url(t))
	entries, err := os.ReadDir(filepath.Join(dir, "data"))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), entry.Name())
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{"app.db", "app.db-lock", "app.db-shm", "app.db-wal", "jwt_secret"}, names)
	info, err := os.Stat(filepath.Join(dir, "data"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
