//go:build unix

package e2e

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARestoreBringsBackTheStateOfTheBackupAndKeepsTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "data", "app.db")
	p := start(t, dir)
	base := p.url(t)
	l := newLedger(login(t, base))
	for n := range 20 {
		require.True(t, l.write(t, base, "before", n))
	}
	status, _, stderr := command(t, dir, "", []string{"backup", "backup.db"})
	require.Zero(t, status, stderr)
	backup := l.copy()
	for n := range 20 {
		require.True(t, l.write(t, base, "after", n))
	}
	status, _, stderr = command(t, dir, "", []string{"restore", "backup.db"})
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "another process is using it: stop that one")
	requireOneLine(t, stderr)
	require.True(t, create(base, l.token, "the service goes on").ok())
	p.stop(t)

	status, stdout, stderr := command(t, dir, "", []string{"restore", "backup.db"})
	require.Zero(t, status, stderr)
	require.Regexp(t, `^sqlite:data/app\.db is a copy of backup\.db, checked and on the disk\. `+
		`What was there before is \S+/data/app\.db\.before-restore-\d{8}-\d{6}\.\n$`, stdout)
	kept := regexp.MustCompile(`\S+/app\.db\.before-restore-[\d-]+\d`).FindString(stdout)

	p = start(t, dir)
	base = p.url(t)
	require.Contains(t, said(t, p.stdout), " database=existing ")
	require.Equal(t, 401, send("GET", base+"/order/query/1", l.token, "").status, "a token from before the restore is good")
	backup.token = login(t, base)
	backup.checkAll(t, base)
	for id := range l.orders {
		if _, known := backup.orders[id]; !known {
			require.Equal(t, 1, send("GET", base+"/order/query/"+id, backup.token, "").Code, "order %s is not of the backup", id)
		}
	}
	later := create(base, backup.token, "after the restore")
	require.True(t, later.ok())
	require.NotContains(t, l.orders, later.Data.ID, "a number was given out again")
	p.stop(t)
	requireWhole(t, file)

	p = start(t, dir, "DATABASE_URL=sqlite:"+kept)
	l.checkAll(t, p.url(t))
	require.Contains(t, said(t, p.stdout), " database=existing ")
	p.stop(t)
}

// TestAServiceStartsWithTheOldOrTheNewAfterARestoreThatWasKilled kills the command at any moment, after a service that
// was killed as well, so that there is a log of the previous database.
func TestAServiceStartsWithTheOldOrTheNewAfterARestoreThatWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "data", "app.db")
	binary, err := build()
	require.NoError(t, err)
	p := start(t, dir)
	base := p.url(t)
	l := newLedger(login(t, base))
	require.True(t, l.write(t, base, "in the backup", 1))
	status, _, stderr := command(t, dir, "", []string{"backup", "backup.db"})
	require.Zero(t, status, stderr)
	backup := l.copy()
	p.kill()
	began := time.Now()
	status, _, stderr = command(t, dir, "", []string{"restore", "backup.db"})
	require.Zero(t, status, stderr)
	whole := time.Since(began)

	old := 0
	for range rounds(30, 100) {
		p = start(t, dir)
		base = p.url(t)
		backup.token = login(t, base) // of the database that was restored
		later := backup.copy()
		require.True(t, later.write(t, base, "after the backup", 1))
		p.kill()
		restoring := launch(t, dir, exec.Command(binary, "restore", "backup.db"))
		time.Sleep(rand.N(whole * 3 / 2))
		restoring.kill()

		p = start(t, dir)
		base = p.url(t)
		require.Contains(t, said(t, p.stdout), " database=existing ")
		isOld := send("GET", base+"/order/query/1", later.token, "").status != 401
		if !isOld {
			backup.token = login(t, base)
		}
		for id := range later.orders {
			if _, known := backup.orders[id]; !known {
				token := map[bool]string{true: later.token, false: backup.token}[isOld]
				require.Equal(t, isOld, send("GET", base+"/order/query/"+id, token, "").Code == 0, "a mixture of both")
			}
		}
		if isOld {
			old++
			later.checkAll(t, base)
		} else {
			backup.checkAll(t, base)
		}
		p.kill()
		requireWhole(t, file)
		if isOld { // the next round begins with the state of the backup
			status, _, stderr := command(t, dir, "", []string{"restore", "backup.db"})
			require.Zero(t, status, stderr)
		}
	}
	t.Logf("%d of %d rounds left the old file", old, rounds(30, 100))
}

// The process for orders goes on while the file of the accounts is replaced beside it.
func TestAProcessForOrdersFollowsARestoreOfTheAccounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	accounts := "USER_DATABASE_URL=sqlite:" + filepath.Join(dir, "accounts.db")
	box := newMailbox(t)
	settings := append(mailing(box.address), "MODULES=user", accounts)
	users := start(t, dir, settings...)
	session := begin(t, users.url(t))
	orders := start(t, t.TempDir(), "MODULES=order", accounts)
	require.Equal(t, 200, send("GET", orders.url(t)+"/order/query/1", session.Token, "").status)
	require.Equal(t, forgotten, send("POST", users.url(t)+"/user/password/forgot", "", `{"username":"test"}`).Msg)
	_, text := box.next(t)
	link := resetLink.FindStringSubmatch(text)[1]

	status, _, stderr := command(t, dir, "", []string{"backup", "backup.db"}, settings...)
	require.Zero(t, status, stderr)
	other := registration("other", "other@example.com")
	lost := send("POST", users.url(t)+"/user/register", "", other)
	require.True(t, lost.ok())
	users.stop(t)
	status, _, stderr = command(t, dir, "", []string{"restore", "backup.db"}, settings...)
	require.Zero(t, status, stderr)

	users = start(t, dir, settings...)
	refusedWithin2Seconds(t, orders.url(t), session.Token)
	require.Equal(t, 401, refresh(users.url(t), session.RefreshToken).status)
	again := send("POST", users.url(t)+"/user/register", "", other)
	require.True(t, again.ok(), again.body)
	require.NotEqual(t, lost.Data.UserID, again.Data.UserID, "a number was given out again")
	require.Equal(t, "链接无效或已过期", send("POST", users.url(t)+"/user/password/reset", "", `{"token":"`+link+`","new_password":"test456"}`).Msg)

	session = begin(t, users.url(t))
	require.Eventually(t, func() bool { return send("GET", orders.url(t)+"/order/query/1", session.Token, "").status == 200 },
		5*time.Second, 20*time.Millisecond, "the token of the restored database is refused")
	require.True(t, send("POST", users.url(t)+"/user/logout", session.Token, "").ok())
	refusedWithin2Seconds(t, orders.url(t), session.Token)
	require.Contains(t, said(t, orders.stdout), "the accounts' database was replaced: tokens from before are refused from now on")
}
