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
	require.True(t, create(base, backup.token, "after the restore").ok())
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
