//go:build unix

package e2e

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// madeIn returns the backups of app.db in a folder, oldest first, and the other files.
func madeIn(t *testing.T, folder string) (made, others []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	name := regexp.MustCompile(`^app-\d{8}T\d{6}Z\.db$`)
	for _, entry := range entries {
		if name.MatchString(entry.Name()) {
			made = append(made, filepath.Join(folder, entry.Name()))
		} else {
			others = append(others, entry.Name())
		}
	}
	return made, others
}

// awaitBackup waits until a folder has a backup that was begun after a time, and returns the path of the newest.
func awaitBackup(t *testing.T, folder string, after time.Time) (newest string) {
	t.Helper()
	require.Eventually(t, func() bool {
		made, _ := madeIn(t, folder)
		if len(made) == 0 {
			return false
		}
		newest = made[len(made)-1]
		return filepath.Base(newest) > "app-"+after.UTC().Format("20060102T150405Z")+".db"
	}, 30*time.Second, 10*time.Millisecond, "no backup is made")
	return newest
}

func TestTheServiceMakesBackupsThatHaveAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir, backups := t.TempDir(), t.TempDir()
	p := start(t, dir, "BACKUP_DIR="+backups, "BACKUP_EVERY=1s", "BACKUP_KEEP=3")
	l := newLedger(login(t, p.url(t)))
	wait := l.writeAll(t, p.url(t), 4)
	time.Sleep(300 * time.Millisecond)
	before, copied := l.copy(), time.Now()
	for range 3 {
		awaitBackup(t, backups, time.Now())
	}
	made, _ := madeIn(t, backups)
	require.LessOrEqual(t, len(made), 4, "the oldest go only after the new one is there")
	p.kill()
	wait()
	made, others := madeIn(t, backups)
	require.GreaterOrEqual(t, len(made), 3)
	for _, path := range made {
		requireWholeBackup(t, path)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	newest := made[len(made)-1]
	require.Greater(t, filepath.Base(newest), "app-"+copied.UTC().Format("20060102T150405Z")+".db")
	for _, name := range others {
		require.Contains(t, name, ".db.new-", "it is neither a backup nor the rest of one")
	}
	require.Regexp(t, `level=INFO msg="backup made" modules=user,order path=\S+Z\.db bytes=\d+ took=`, said(t, p.stdout))

	status, _, stderr := command(t, dir, "", []string{"restore", newest})
	require.Zero(t, status, stderr)
	p = start(t, dir)
	for id := range l.cancelled { // some may have been cancelled between copy and the backup
		if _, known := before.orders[id]; known && !before.cancelled[id] {
			before.cancelled[id] = false
		}
	}
	require.NotEmpty(t, before.orders)
	before.token = login(t, p.url(t))
	before.checkAll(t, p.url(t))
}

func TestARestartMakesNoBackupBeforeOneIsDue(t *testing.T) {
	t.Parallel()
	dir, backups := t.TempDir(), t.TempDir()
	settings := []string{"BACKUP_DIR=" + backups, "BACKUP_EVERY=20s"} // so it looks every 2 s
	p := start(t, dir, settings...)
	p.url(t)
	first := awaitBackup(t, backups, time.Time{})
	for range 2 {
		p.stop(t)
		p = start(t, dir, settings...)
		p.url(t)
		time.Sleep(3 * time.Second)
	}
	made, others := madeIn(t, backups)
	require.Equal(t, []string{first}, made)
	require.Empty(t, others)
	p.stop(t)
}

// fillOrders adds orders to a database that no service has open, with what the first order has.
func fillOrders(t *testing.T, path string, rows int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1)
		INSERT INTO orders (user_id, product, price, status, created_at, version)
		SELECT user_id, product, price, status, created_at, version FROM n, (SELECT * FROM orders LIMIT 1)`, rows)
	require.NoError(t, err)
}

func TestAServiceThatIsKilledInTheMiddleOfABackupLeavesNoHalfOne(t *testing.T) {
	t.Parallel()
	dir, backups := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "data", "app.db")
	p := start(t, dir)
	l := newLedger(login(t, p.url(t)))
	require.True(t, l.write(t, p.url(t), "in every backup", 1))
	p.stop(t)
	fillOrders(t, file, 40_000)

	settings := []string{"BACKUP_DIR=" + backups, "BACKUP_EVERY=1s", "BACKUP_KEEP=2"}
	interrupted := 0
	for range rounds(5, 50) {
		p = start(t, dir, settings...)
		base := p.url(t)
		require.Eventually(t, func() bool {
			_, others := madeIn(t, backups)
			return len(others) > 0
		}, 20*time.Second, time.Millisecond, "no backup is begun")
		time.Sleep(rand.N(600 * time.Millisecond))
		require.True(t, l.write(t, base, "during a backup", 1))
		p.kill()
		made, others := madeIn(t, backups)
		require.LessOrEqual(t, len(made), 3)
		for _, path := range made {
			requireWholeBackup(t, path)
		}
		if len(others) > 0 {
			interrupted++
		}
	}
	require.Positive(t, interrupted, "none was killed in the middle of a backup")

	p = start(t, dir, settings...)
	p.url(t)
	awaitBackup(t, backups, time.Now())
	p.stop(t)
	made, others := madeIn(t, backups)
	require.Len(t, made, 2)
	require.Empty(t, others, "what was interrupted is left")
	requireWholeBackup(t, made[1])
	requireWhole(t, file)
	p = start(t, dir)
	l.checkAll(t, p.url(t))
	t.Logf("%d of %d rounds interrupted a backup", interrupted, rounds(5, 50))
}

func TestAStopInTheMiddleOfABackupWaitsForNothingAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, backups := t.TempDir(), t.TempDir()
	p := start(t, dir)
	l := newLedger(login(t, p.url(t)))
	require.True(t, l.write(t, p.url(t), "one", 1))
	p.stop(t)
	fillOrders(t, filepath.Join(dir, "data", "app.db"), 200_000)
	p = start(t, dir, "BACKUP_DIR="+backups, "BACKUP_EVERY=1s")
	p.url(t)
	require.Eventually(t, func() bool {
		_, others := madeIn(t, backups)
		return len(others) > 0
	}, 20*time.Second, time.Millisecond, "no backup is begun")
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	p.stop(t)
	require.Less(t, time.Since(began), 8*time.Second)
	_, others := madeIn(t, backups)
	require.Empty(t, others)
	require.NotContains(t, said(t, p.stdout), "level=ERROR")
	require.Contains(t, said(t, p.stdout), "msg=stopped ")
}

func TestAFolderForBackupsThatIsNotThereHarmsNothing(t *testing.T) {
	t.Parallel()
	dir, missing := t.TempDir(), filepath.Join(t.TempDir(), "mounted", "backups")
	p := start(t, dir, "BACKUP_DIR="+missing, "BACKUP_EVERY=1s")
	base := p.url(t)
	require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), "level=ERROR") }, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, said(t, p.stdout), `level=ERROR msg="job failed" job=backup error="BACKUP_DIR: there is no folder `+filepath.Dir(missing)+
		`: make it, or mount its disk: no such file or directory"`)
	readyWithin(t, base, time.Second, 200)
	require.True(t, create(base, login(t, base), "as ever").ok())
	require.NoError(t, os.MkdirAll(missing, 0o700))
	awaitBackup(t, missing, time.Time{})
	require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), `msg="job works again" job=backup failures=`) },
		10*time.Second, 10*time.Millisecond)
	p.stop(t)
	require.Equal(t, 1, strings.Count(said(t, p.stdout), "level=ERROR"), "the log repeats itself")
}
